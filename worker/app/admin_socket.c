/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin_socket - see admin_socket.h. Also the client that `weir skip` uses.
 */
#include "worker/app/admin_socket.h"

#include "worker/app/admin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* "host:port" -> its halves, without the brackets of IPv6. */
static bool socket_split(const char *address, char *host, size_t cap, char *port,
                         size_t port_cap)
{
    const char *colon = strrchr(address, ':');
    const char *begin = address;

    if (colon == NULL || colon == address || colon[1] == '\0' ||
        strlen(colon + 1) >= port_cap ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
        strtol(colon + 1, NULL, 10) > 65535) {
        return false;
    }
    size_t len = (size_t)(colon - begin);
    if (begin[0] == '[' && len > 2 && begin[len - 1] == ']') {
        begin++;
        len -= 2;
    } else if (memchr(begin, ':', len) != NULL) {
        return false; /* IPv6 without brackets */
    }
    if (len >= cap) {
        return false;
    }
    memcpy(host, begin, len);
    host[len] = '\0';
    snprintf(port, port_cap, "%s", colon + 1);
    return true;
}

static bool socket_is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           strncmp(host, "127.", 4) == 0;
}

const char *weir_admin_wrong(const char *address, bool has_token)
{
    char host[128], port[8];

    if (strcmp(address, "off") == 0) {
        return NULL;
    }
    if (strncmp(address, "unix:", 5) == 0) {
        return address[5] == '\0' ? "unix: needs a path"
               : strlen(address + 5) >= sizeof(((struct sockaddr_un *)0)->sun_path)
                   ? "the path is too long for a UNIX socket"
                   : NULL;
    }
    if (!socket_split(address, host, sizeof(host), port, sizeof(port))) {
        return "expected HOST:PORT, unix:PATH or off";
    }
    if (!has_token && !socket_is_loopback(host)) {
        return "an address that is not loopback needs `admin_token`";
    }
    return NULL;
}

static weir_status socket_listen_unix(const char *path, int *out, weir_err *err)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    struct stat st;

    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return weir_fail(err, WEIR_EIO, "unix:%s: %s", path, strerror(errno));
    }
    if (stat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
        connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 &&
        errno == ECONNREFUSED) {
        (void)unlink(path); /* left by a process that died */
    }
    mode_t before = umask(0177); /* only this user may connect */
    int failed = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
    int code = errno;
    umask(before);
    if (failed != 0 || listen(fd, 64) != 0) {
        code = failed != 0 ? code : errno;
        close(fd);
        return weir_fail(err, WEIR_EIO, "unix:%s: %s", path, strerror(code));
    }
    *out = fd;
    return WEIR_OK;
}

static int socket_bind(const struct addrinfo *ai, bool with_port)
{
    struct sockaddr_storage addr = { 0 };
    int one = 1;

    memcpy(&addr, ai->ai_addr, ai->ai_addrlen);
    if (!with_port && ai->ai_family == AF_INET) {
        ((struct sockaddr_in *)&addr)->sin_port = 0;
    } else if (!with_port && ai->ai_family == AF_INET6) {
        ((struct sockaddr_in6 *)&addr)->sin6_port = 0;
    }
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&addr, ai->ai_addrlen) != 0 ||
        listen(fd, 64) != 0) {
        int code = errno;
        close(fd);
        errno = code;
        return -1;
    }
    return fd;
}

static void socket_name(int fd, char *out, size_t cap)
{
    struct sockaddr_storage addr = { 0 };
    socklen_t len = sizeof(addr);
    char host[96], port[8];

    if (getsockname(fd, (struct sockaddr *)&addr, &len) != 0 ||
        getnameinfo((struct sockaddr *)&addr, len, host, sizeof(host), port,
                    sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        snprintf(out, cap, "?");
        return;
    }
    snprintf(out, cap, strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host, port);
}

static weir_status socket_resolve(const char *address, bool is_passive,
                                  struct addrinfo **out, weir_err *err)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                              .ai_flags = is_passive ? AI_PASSIVE : 0 };
    char host[128], port[8];

    if (!socket_split(address, host, sizeof(host), port, sizeof(port))) {
        return weir_fail(err, WEIR_ECONFIG, "`%s` is not HOST:PORT", address);
    }
    int code = getaddrinfo(host, port, &hints, out);
    if (code != 0) {
        return weir_fail(err, WEIR_EIO, "%s: %s", address, gai_strerror(code));
    }
    return WEIR_OK;
}

weir_status weir_listen(const char *address, bool may_move, int *fd, char *shown,
                        size_t cap, weir_err *err)
{
    struct addrinfo *list = NULL;

    if (strncmp(address, "unix:", 5) == 0) {
        snprintf(shown, cap, "%s", address);
        return socket_listen_unix(address + 5, fd, err);
    }
    weir_status st = socket_resolve(address, true, &list, err);
    if (st != WEIR_OK) {
        return st;
    }
    *fd = socket_bind(list, true);
    if (*fd < 0 && errno == EADDRINUSE && may_move) {
        *fd = socket_bind(list, false);
    }
    if (*fd < 0) {
        st = weir_fail(err, WEIR_EIO, "%s: %s", address, strerror(errno));
    } else {
        socket_name(*fd, shown, cap);
    }
    freeaddrinfo(list);
    return st;
}

weir_status weir_connect(const char *address, int timeout_s, int *out, weir_err *err)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    struct addrinfo *list = NULL;
    struct timeval tv = { .tv_sec = timeout_s };
    bool is_unix = strncmp(address, "unix:", 5) == 0;
    weir_status st = WEIR_OK;

    if (is_unix) {
        snprintf(un.sun_path, sizeof(un.sun_path), "%s", address + 5);
    } else if ((st = socket_resolve(address, false, &list, err)) != WEIR_OK) {
        return st;
    }
    const struct sockaddr *addr =
        is_unix ? (const struct sockaddr *)&un : list->ai_addr;
    socklen_t len = is_unix ? sizeof(un) : list->ai_addrlen;
    int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
    }
    if (fd < 0 || connect(fd, addr, len) != 0) {
        st = weir_fail(err, WEIR_EUNAVAIL, "%s: %s", address, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
    } else {
        *out = fd;
    }
    if (list != NULL) {
        freeaddrinfo(list);
    }
    return st;
}

static void socket_escape(const char *text, weir_buf *out)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            (c >= '0' && c <= '9') || strchr("-._~", c) != NULL) {
            weir_buf_char(out, (char)c);
        } else {
            weir_buf_printf(out, "%%%02X", c);
        }
    }
}

static weir_status socket_exchange(int fd, const weir_buf *request, weir_buf *answer)
{
    size_t sent = 0;
    char chunk[4096];
    ssize_t n;

    while (sent < request->len) {
        n = send(fd, request->data + sent, request->len - sent, MSG_NOSIGNAL);
        if (n <= 0) {
            return WEIR_EUNAVAIL;
        }
        sent += (size_t)n;
    }
    while ((n = recv(fd, chunk, sizeof(chunk), 0)) > 0 && answer->len < 65536) {
        weir_buf_add(answer, chunk, (size_t)n);
    }
    return n < 0 || answer->len == 0 ? WEIR_EUNAVAIL : WEIR_OK;
}

weir_status weir_admin_ask_skip(const char *address, const char *token,
                                const char *position, weir_err *err)
{
    weir_buf request = { 0 }, answer = { 0 };
    int fd = -1, code = 0;
    weir_status st = weir_connect(address, 45, &fd, err);

    if (st != WEIR_OK) {
        return st;
    }
    weir_buf_str(&request, "POST /api/v1/skip?position=");
    socket_escape(position, &request);
    weir_buf_str(&request, " HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n"
                           "Content-Length: 0\r\n");
    if (token != NULL) {
        weir_buf_printf(&request, "Authorization: Bearer %s\r\n", token);
    }
    weir_buf_str(&request, "\r\n");
    st = socket_exchange(fd, &request, &answer);
    const char *body = answer.data == NULL ? NULL : strstr(answer.data, "\r\n\r\n");
    if (st != WEIR_OK || sscanf(answer.data, "HTTP/1.%*d %d", &code) != 1 ||
        body == NULL) {
        st = weir_fail(err, WEIR_EUNAVAIL, "%s: no answer", address);
        goto out;
    }
    body += 4;
    int len = (int)strcspn(body, "\n");
    st = code == 200   ? WEIR_OK
         : code == 404 ? weir_fail(err, WEIR_ENOENT, "%.*s", len, body)
         : code == 409 ? weir_fail(err, WEIR_EINVAL, "%.*s", len, body)
         : code == 401 ? weir_fail(err, WEIR_EDENIED, "%.*s", len, body)
         : code == 504 ? weir_fail(err, WEIR_ETIMEOUT, "%.*s", len, body)
                       : weir_fail(err, WEIR_EUNAVAIL, "%.*s", len, body);
out:
    close(fd);
    weir_buf_fini(&request);
    weir_buf_fini(&answer);
    return st;
}
