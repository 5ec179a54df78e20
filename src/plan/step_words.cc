#include "step_words.h"

#include "child/step.h"

namespace estiba::plan {
namespace {

using C = child::Op;

constexpr StepWords H(Op op, Words words, unsigned char variant = 0) { return {op, variant, words}; }
constexpr StepWords S(C op, Words words, unsigned char variant = 0) {
  return {static_cast<Op>(static_cast<std::uint16_t>(op) + static_cast<std::uint16_t>(Op::kChildBase)), variant, words};
}

constexpr StepWords kWords[] = {
    // ---- host, before the clone ----
    H(Op::kOpenRoot, {"open root {0}", "abrir la raíz {0}"}),
    H(Op::kMountOverlay, {"mount overlay of {4} layers, upper {0}", "montar overlay de {4} capas, superior {0}"}),
    H(Op::kMountOverlay, {"mount overlay of {4} layer, upper {0}", "montar overlay de {4} capa, superior {0}"}, 1),
    H(Op::kOpenTree, {"open bind source {0}", "abrir el origen {0} del montaje"}),
    H(Op::kOpenTree,
      {"open bind source {0}, id-mapped", "abrir el origen {0} del montaje, con identificadores traducidos"}, 1),
    H(Op::kOpenNamespace, {"open namespace {0}", "abrir el espacio de nombres {0}"}),
    H(Op::kOpenNamespace,
      {"open namespace to be born into {0}", "abrir el espacio de nombres {0}, en el que nacerá el proceso"}, 1),
    H(Op::kCreateCgroup, {"create cgroup {0}", "crear el cgroup {0}"}),
    H(Op::kWriteCgroup, {"set {4}", "fijar {4}"}),
    H(Op::kCgroupDevices, {"load {4} device rules", "cargar {4} reglas de dispositivos"}),
    H(Op::kOpenUnified, {"open the cgroup to clone into", "abrir el cgroup en el que nacerá el proceso"}),
    H(Op::kOpenTasks, {"open cgroup controller {0}", "abrir el controlador de cgroups {0}"}),
    H(Op::kResolveUser, {"look up user {0}", "buscar al usuario {0}"}),
    H(Op::kResolveUser, {"look up the home of uid {4}", "buscar el directorio personal del uid {4}"}, 1),
    H(Op::kRunHook, {"run hook {0}", "ejecutar el gancho {0}"}),
    H(Op::kOpenCgroupMount,
      {"open own cgroup of {0} as mount source", "abrir el cgroup propio de {0} como origen de montaje"}),
    H(Op::kMakeIdMapFd, {"make a user namespace with the maps of the mount",
                         "crear un espacio de nombres de usuario con las correspondencias del montaje"}),
    H(Op::kOpenFile, {"open {0}", "abrir {0}"}),
    H(Op::kAttachCgroup, {"join the cgroup", "entrar en el cgroup"}),
    H(Op::kMaybeDirectory,
      {"make bind source {0}, a directory, if it is missing", "crear el origen {0}, un directorio, si no existe"}),
    H(Op::kCopyUp,
      {"copy {0} of the image into volume {1} if empty", "copiar {0} de la imagen al volumen {1} si está vacío"}),
    // ---- host, beside the child ----
    H(Op::kWriteIdMaps, {"write the user namespace's id maps",
                         "escribir las correspondencias del espacio de nombres de usuario"}),
    H(Op::kOomScore, {"set oom_score_adj to {4}", "fijar oom_score_adj en {4}"}),
    H(Op::kEnsureTable, {"ensure nft table 'inet estiba'", "asegurar la tabla nft 'inet estiba'"}),
    H(Op::kEnsureBridge, {"ensure bridge {0} with address {1}", "asegurar el puente {0} con la dirección {1}"}),
    H(Op::kAddVeth, {"add veth {1} on bridge {0}, {2} inside", "añadir veth {1} al puente {0}, {2} por dentro"}),
    H(Op::kConfigureInside,
      {"configure {0} with {1}, gateway {2}", "configurar {0} con {1}, puerta de enlace {2}"}),
    H(Op::kPublishPorts, {"publish ports {4}", "publicar los puertos {4}"}),
    H(Op::kMoveLink, {"move link {0} inside", "llevar la interfaz {0} adentro"}),
    H(Op::kMoveLink, {"move link {0} inside as {1}", "llevar la interfaz {0} adentro como {1}"}, 1),
    H(Op::kIntelRdt, {"join resctrl class {0}", "entrar en la clase {0} de resctrl"}),
    // ---- host, afterwards ----
    H(Op::kDeleteCgroup, {"delete cgroup {0}", "borrar el cgroup {0}"}),
    H(Op::kDeleteVeth, {"delete veth {0}", "borrar veth {0}"}),
    H(Op::kUnpublishPorts, {"unpublish ports {4}", "dejar de publicar los puertos {4}"}),
    H(Op::kKillCgroup, {"kill everything in cgroup {0}", "matar todo lo que hay en el cgroup {0}"}),
    H(Op::kDeleteResctrl, {"delete resctrl group {0}", "borrar el grupo {0} de resctrl"}),
    // ---- child: namespaces and mounts ----
    S(C::kWaitHost, {"wait for the host's steps", "esperar los pasos del anfitrión"}),
    S(C::kJoinCgroup, {"join the cgroup of {0}", "entrar en el cgroup de {0}"}),
    S(C::kUnshare, {"make namespaces: {4}", "crear espacios de nombres: {4}"}),
    S(C::kSetNamespace, {"enter namespaces: {4}", "entrar en los espacios de nombres: {4}"}),
    S(C::kBecomeRoot, {"become root of the user namespace", "convertirse en root del espacio de nombres de usuario"}),
    S(C::kPropagation, {"cut mount propagation to the host", "cortar la propagación de montajes hacia el anfitrión"}),
    S(C::kAttachRoot, {"attach the root at {0}", "montar la raíz en {0}"}),
    S(C::kMount, {"mount {0} on {2}{4}", "montar {0} en {2}{4}"}),
    S(C::kAttach, {"bind on {0}", "montar en {0} el origen ya abierto"}),
    S(C::kDevice, {"make device {0}{4}", "crear el dispositivo {0}{4}"}),
    S(C::kBindDevice, {"bind device {1}{4}", "montar el dispositivo {1} del anfitrión{4}"}),
    S(C::kSymlink, {"link {1} to {0}", "enlazar {1} a {0}"}),
    S(C::kMakeDirectory, {"make directory {0} unless it exists", "crear el directorio {0} si no existe"}),
    S(C::kMakeFile, {"make file {0} unless it exists", "crear el archivo {0} si no existe"}),
    S(C::kOpenNull,
      {"open '/dev/null' of the host, verified", "abrir '/dev/null' del anfitrión, tras comprobar que lo es"}),
    S(C::kMask, {"mask {0}", "tapar {0}"}),
    S(C::kReadonlyPath, {"make {0} read-only", "hacer {0} de solo lectura"}),
    S(C::kPivot, {"pivot into the root, detach the host's tree", "pivotar a la raíz, soltar el árbol del anfitrión"}),
    S(C::kMoveRoot, {"move the root over '/'", "mover la raíz sobre '/'"}),
    S(C::kSetAttributes, {"set mount attributes ({4})", "fijar atributos del montaje ({4})"}),
    S(C::kSetAttributes, {"set mount propagation", "fijar la propagación del montaje"}, 1),
    S(C::kTmpCopyUp,
      {"open {0}, to copy it into the tmpfs over it", "abrir {0}, para copiarlo en el tmpfs que lo cubrirá"}),
    // ---- child: settings ----
    S(C::kWriteProc, {"write {1} to {4}", "escribir {1} en {4}"}),
    S(C::kHostname, {"set hostname {0}", "fijar el nombre de máquina {0}"}),
    S(C::kDomainname, {"set domainname {0}", "fijar el nombre de dominio {0}"}),
    S(C::kLoopbackUp, {"bring up 'lo'", "activar 'lo'"}),
    S(C::kReport, {"tell the host that everything is mounted", "avisar al anfitrión de que todo está montado"}),
    S(C::kHook, {"run hook {0}", "ejecutar el gancho {0}"}),
    S(C::kOpenTerminal,
      {"open a terminal, bind it on '/dev/console'", "abrir un terminal y montarlo en '/dev/console'"}),
    S(C::kResetInherited, {"reset nice, scheduling, affinity, personality and ambient capabilities",
                           "restablecer prioridad, planificación, afinidad, personalidad y capacidades ambientales"}),
    S(C::kSessionKeyring, {"join session keyring {0}", "entrar en el llavero de sesión {0}"}),
    S(C::kNewSession, {"start a session", "iniciar una sesión"}),
    S(C::kStdio, {"take stdin, stdout, stderr", "tomar stdin, stdout y stderr"}),
    S(C::kOpenFile, {"open {0}", "abrir {0}"}),
    S(C::kWriteSlot, {"set security label {0}", "fijar la etiqueta de seguridad {0}"}),
    S(C::kWorkDirectory, {"change to directory {0}", "cambiar al directorio {0}"}),
    S(C::kPersonality, {"set personality {0}", "fijar la personalidad {0}"}),
    S(C::kScheduler, {"set scheduling policy {0}", "fijar la política de planificación {0}"}),
    S(C::kIoPriority, {"set I/O priority", "fijar la prioridad de E/S"}),
    S(C::kAffinity, {"set CPU affinity", "fijar la afinidad de CPU"}),
    S(C::kMemoryPolicy, {"set memory policy {0}", "fijar la política de memoria {0}"}),
    S(C::kRlimit, {"set {0} to {4}", "fijar {0} en {4}"}),
    S(C::kRlimit, {"set {0} to {4} or what may be had", "fijar {0} en {4} o lo que se permita"}, 1),
    S(C::kUmask, {"set umask {4}", "fijar umask {4}"}),
    // ---- child: identity and program ----
    S(C::kChownStdio, {"give stdio to uid {4}", "dar stdio al uid {4}"}),
    S(C::kDropBounding, {"drop the bounding set to: {4}", "reducir el conjunto límite de capacidades a: {4}"}),
    S(C::kGroups, {"set {4} supplementary groups", "fijar {4} grupos suplementarios"}),
    S(C::kGroups, {"keep the supplementary groups, which nobody can change here",
                   "conservar los grupos suplementarios, que aquí nadie puede cambiar"}, 1),
    S(C::kIdentity, {"become {4}", "convertirse en {4}"}),
    S(C::kIdentity, {"become user {0} as looked up", "convertirse en el usuario {0} encontrado"}, 1),
    S(C::kCapabilities, {"set capabilities to: {4}", "fijar las capacidades en: {4}"}),
    S(C::kNoNewPrivileges, {"set no_new_privs", "activar no_new_privs"}),
    S(C::kSeccomp, {"load a seccomp filter of {4} instructions", "cargar un filtro seccomp de {4} instrucciones"}),
    S(C::kSendSeccompListener,
      {"hand the seccomp listener to the agent at {0}", "entregar el oyente de seccomp al agente de {0}"}),
    S(C::kLandlockRuleset,
      {"begin a Landlock ruleset that handles: {4}", "iniciar un conjunto Landlock que rige: {4}"}),
    S(C::kLandlockRule, {"allow beneath {0}: {4}", "permitir bajo {0}: {4}"}),
    S(C::kLandlockRestrict, {"enforce the Landlock ruleset", "aplicar el conjunto Landlock"}),
    S(C::kUnmount, {"unmount {0}", "desmontar {0}"}),
    S(C::kSendMount, {"tell the host which mount it is", "decir al anfitrión qué montaje es"}),
    S(C::kFindProgram, {"find program {0}", "buscar el programa {0}"}),
    S(C::kWaitStart, {"wait to be started", "esperar la orden de arranque"}),
    S(C::kCloseDescriptors, {"close every other descriptor", "cerrar todos los demás descriptores"}),
    S(C::kExec, {"execute {4}", "ejecutar {4}"}),
};

}  // namespace

std::span<const StepWords> AllStepWords() { return kWords; }

}  // namespace estiba::plan
