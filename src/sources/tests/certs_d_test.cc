#include "sources/certs_d.h"

#include <fstream>

#include <sys/stat.h>

#include "tests/support.h"

namespace estiba::sources {
namespace {

class CertsD : public ::testing::Test {
 protected:
  void Write(const std::string& folder, const std::string& name, const std::string& text) {
    ASSERT_TRUE(::mkdir((dir_ / folder.c_str()).c_str(), 0755) == 0 || errno == EEXIST);
    std::ofstream(dir_ / (folder + "/" + name).c_str()) << text;
  }
  std::vector<std::string> folders() const { return {dir_.path()}; }
  testing::TempDir dir_;
};

TEST_F(CertsD, WithoutAFolderTheRegistryIsReachedByItsName) {
  const auto places = PlacesOf("h.io:5000", {dir_.path(), "/nonexistent"});
  ASSERT_OK(places);
  ASSERT_EQ(places->size(), 1U);
  EXPECT_EQ((*places)[0].host, "h.io:5000");
  EXPECT_EQ((*places)[0].via, oci::RegistryEndpoint{});
}

TEST_F(CertsD, DockersFilesAreReadByTheirEndings) {
  Write("h.io:5000", "a.crt", "A");
  Write("h.io:5000", "b.crt", "B\n");
  Write("h.io:5000", "me.cert", "CERT");
  Write("h.io:5000", "me.key", "KEY");
  Write("h.io:5000", "README", "x");
  const auto places = PlacesOf("h.io:5000", folders());
  ASSERT_OK(places);
  EXPECT_EQ((*places)[0].via.ca, "A\nB\n");
  EXPECT_EQ((*places)[0].via.cert, "CERT");
  EXPECT_EQ((*places)[0].via.key, "KEY");
  EXPECT_TRUE(PlacesOf("h.io", folders())->at(0).via.ca.empty());
}

TEST_F(CertsD, HalfAPairIsAnErrorInDockersWords) {
  Write("h.io", "me.cert", "CERT");
  const auto places = PlacesOf("h.io", folders());
  ASSERT_FALSE(places.ok());
  EXPECT_THAT(places.error().Message(), ::testing::HasSubstr("missing key me.key for client certificate me.cert"));
  EXPECT_EQ(places.error().hint(), "CA certificates must use the extension .crt");
  Write("i.io", "me.key", "KEY");
  EXPECT_THAT(PlacesOf("i.io", folders()).error().Message(),
              ::testing::HasSubstr("missing client certificate me.cert for key me.key"));
}

TEST_F(CertsD, MirrorsComeFirstWithTheirOwnCertificates) {
  Write("docker.io", "hosts.toml", "server = \"https://up.io\"\n[host.\"https://m.io\"]\ncapabilities = [\"pull\"]\n");
  Write("m.io", "ca.crt", "M");
  Write("docker.io", "ca.crt", "D");
  const auto places = PlacesOf("docker.io", folders());
  ASSERT_OK(places);
  ASSERT_EQ(places->size(), 2U);
  const Place& mirror = (*places)[0];
  EXPECT_EQ(mirror.host, "m.io");
  EXPECT_EQ(mirror.via.ns, "docker.io");
  EXPECT_EQ(mirror.via.ca, "M\n");
  EXPECT_TRUE(!mirror.own && mirror.pull && !mirror.resolve);
  const Place& own = (*places)[1];
  EXPECT_EQ(own.host, "docker.io");
  EXPECT_EQ(own.via.url, "https://up.io");
  EXPECT_EQ(own.via.ca, "D\n");
}

TEST_F(CertsD, ContainerdsNamesAndDefaultAreKnown) {
  Write("_default", "hosts.toml", "[host.\"https://all.io\"]\n");
  Write("h.io_5000_", "hosts.toml", "[host.\"https://one.io\"]\nca = \"ca.pem\"\n");
  EXPECT_EQ(PlacesOf("other.io", folders())->at(0).host, "all.io");
  const auto missing = PlacesOf("h.io:5000", folders());
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.error().Message(), ::testing::HasSubstr("h.io_5000_/ca.pem"));
  Write("h.io_5000_", "ca.pem", "PEM");
  EXPECT_EQ(PlacesOf("h.io:5000", folders())->at(0).via.ca, "PEM\n");
}

}  // namespace
}  // namespace estiba::sources
