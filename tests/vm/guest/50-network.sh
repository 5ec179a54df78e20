# A bridge network and a published port on Debian's own kernel.
estiba run -d --name web -p 8080:80 estiba/busybox sh -c 'echo served > /i; httpd -f -h /'
for i in $(seq 100); do wget -q -O - http://127.0.0.1:8080/i 2>/dev/null | grep -qx served && break; sleep 0.1; done
wget -q -O - http://127.0.0.1:8080/i | grep -qx served
estiba rm -f web
