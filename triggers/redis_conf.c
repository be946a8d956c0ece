/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_conf - rows of weir_opt and the parsers of single settings; see redis_conf.h.
 */
#include "triggers/redis_conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const weir_opt conf_tls_rows[] = {
    { .name = "ca_file",
      .type = WEIR_OPT_STRING,
      .offset = offsetof(weir_redis_tls_opts, ca_file),
      .help = "certificates that the server's must come from; default: the system's" },
    { .name = "cert_file",
      .type = WEIR_OPT_STRING,
      .offset = offsetof(weir_redis_tls_opts, cert_file),
      .help = "the client's own certificate" },
    { .name = "key_file",
      .type = WEIR_OPT_STRING,
      .offset = offsetof(weir_redis_tls_opts, key_file),
      .help = "the key of cert_file" },
    { .name = "server_name",
      .type = WEIR_OPT_STRING,
      .offset = offsetof(weir_redis_tls_opts, server_name),
      .help = "the name that the server's certificate must carry; default: the host of "
              "the url" },
    { .name = NULL },
};

static const weir_opt conf_sentinel_rows[] = {
    { .name = "master",
      .type = WEIR_OPT_STRING,
      .offset = offsetof(weir_redis_sentinel_opts, master),
      .help = "the name that the Sentinels have for the primary" },
    { .name = "nodes",
      .type = WEIR_OPT_LIST,
      .offset = offsetof(weir_redis_sentinel_opts, nodes),
      .help = "host:port of each Sentinel" },
    { .name = NULL },
};

const weir_opt weir_redis_opts[] = {
    { .name = "url",
      .type = WEIR_OPT_STRING,
      .offset = offsetof(weir_redis_queue, url),
      .is_required = true,
      .help = "redis://host:6379/0, rediss:// for TLS, or unix:///path/to/socket" },
    { .name = "user",
      .type = WEIR_OPT_STRING,
      .offset = offsetof(weir_redis_queue, user),
      .help = "the ACL user; default: the server's default user" },
    { .name = "password",
      .type = WEIR_OPT_SECRET,
      .offset = offsetof(weir_redis_queue, password),
      .help = "its password" },
    { .name = "tls",
      .type = WEIR_OPT_GROUP,
      .offset = offsetof(weir_redis_queue, tls),
      .rows = conf_tls_rows,
      .help = "for rediss:// urls" },
    { .name = "sentinel",
      .type = WEIR_OPT_GROUP,
      .offset = offsetof(weir_redis_queue, sentinel),
      .rows = conf_sentinel_rows,
      .help = "asks Sentinels where the primary is; the url then gives scheme and "
              "database" },
    { .name = "maxlen",
      .type = WEIR_OPT_MAP,
      .offset = offsetof(weir_redis_queue, maxlen),
      .help = "stream: how many entries a stream that weir writes keeps; ~N: about N, "
              "cheaper" },
    { .name = NULL },
};

static bool conf_number(const char *text, uint64_t max, uint64_t *out)
{
    char *end = NULL;

    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || n > max) {
        return false;
    }
    *out = n;
    return true;
}

weir_status weir_redis_node_parse(const char *text, const char *def_port,
                                  weir_redis_place *out, weir_err *err)
{
    const char *host = text;
    const char *host_end;
    const char *port = NULL;
    uint64_t number;

    if (text[0] == '[') {
        host = text + 1;
        host_end = strchr(host, ']');
        if (host_end == NULL || (host_end[1] != '\0' && host_end[1] != ':')) {
            return weir_fail(err, WEIR_ECONFIG, "\"%s\" is not host:port", text);
        }
        port = host_end[1] == ':' ? host_end + 2 : NULL;
    } else {
        host_end = strchr(text, ':');
        if (host_end == NULL) {
            host_end = text + strlen(text);
        } else {
            port = host_end + 1;
        }
    }
    size_t len = (size_t)(host_end - host);
    if (len == 0 || len >= sizeof(out->host)) {
        return weir_fail(err, WEIR_ECONFIG, "\"%s\" is not host:port", text);
    }
    if (port == NULL) {
        port = def_port;
    }
    if (!conf_number(port, 65535, &number) || number == 0) {
        return weir_fail(err, WEIR_ECONFIG, "\"%s\" has no port between 1 and 65535",
                         text);
    }
    memcpy(out->host, host, len);
    out->host[len] = '\0';
    snprintf(out->port, sizeof(out->port), "%u", (unsigned)number);
    return WEIR_OK;
}

static weir_status conf_unix(const char *path, weir_redis_place *out, weir_err *err)
{
    const char *query = strchr(path, '?');
    size_t len = query == NULL ? strlen(path) : (size_t)(query - path);
    uint64_t db = 0;

    if (len == 0 || path[0] != '/' || len >= 100) {
        return weir_fail(err, WEIR_ECONFIG,
                         "unix:// wants an absolute path below 100 bytes");
    }
    if (query != NULL &&
        (strncmp(query, "?db=", 4) != 0 || !conf_number(query + 4, 65535, &db))) {
        return weir_fail(err, WEIR_ECONFIG, "unix:// takes ?db=N and nothing else");
    }
    memcpy(out->host, path, len);
    out->host[len] = '\0';
    out->db = (int)db;
    out->is_unix = true;
    return WEIR_OK;
}

weir_status weir_redis_url_parse(const char *text, weir_redis_place *out, weir_err *err)
{
    weir_redis_place place = { .db = 0 };
    char node[300];
    const char *rest;
    uint64_t db = 0;
    weir_status st;

    if (strncmp(text, "redis://", 8) == 0) {
        rest = text + 8;
    } else if (strncmp(text, "rediss://", 9) == 0) {
        rest = text + 9;
        place.is_tls = true;
    } else if (strncmp(text, "unix://", 7) == 0) {
        if ((st = conf_unix(text + 7, &place, err)) == WEIR_OK) {
            *out = place;
        }
        return st;
    } else {
        return weir_fail(err, WEIR_ECONFIG,
                         "a url begins with redis://, rediss:// or unix://");
    }
    if (strchr(rest, '@') != NULL) {
        return weir_fail(
            err, WEIR_ECONFIG,
            "no credentials in the url, which is printed: use user and password");
    }
    const char *slash = strchr(rest, '/');
    size_t len = slash == NULL ? strlen(rest) : (size_t)(slash - rest);
    if (len >= sizeof(node)) {
        return weir_fail(err, WEIR_ECONFIG, "the host of the url is too long");
    }
    memcpy(node, rest, len);
    node[len] = '\0';
    if ((st = weir_redis_node_parse(node, "6379", &place, err)) != WEIR_OK) {
        return st;
    }
    if (slash != NULL && slash[1] != '\0' && !conf_number(slash + 1, 65535, &db)) {
        return weir_fail(err, WEIR_ECONFIG, "\"%s\" is not the number of a database",
                         slash + 1);
    }
    place.db = (int)db;
    *out = place;
    return WEIR_OK;
}

weir_status weir_redis_maxlen_parse(const char *text, bool *is_approx, uint64_t *n,
                                    weir_err *err)
{
    bool has_tilde = text[0] == '~';
    uint64_t number;

    if (!conf_number(text + (has_tilde ? 1 : 0), INT64_MAX, &number)) {
        return weir_fail(
            err, WEIR_ECONFIG,
            "maxlen: \"%s\" is not a number of entries, as in 1000 or ~1000", text);
    }
    *is_approx = has_tilde;
    *n = number;
    return WEIR_OK;
}

weir_status weir_redis_conf_check(const weir_redis_queue *queue, weir_err *err)
{
    weir_redis_place place;
    weir_status st;

    if (queue->url == NULL) {
        return weir_fail(err, WEIR_ECONFIG, "url is missing");
    }
    if ((st = weir_redis_url_parse(queue->url, &place, err)) != WEIR_OK) {
        return st;
    }
    if ((queue->sentinel.master == NULL) != (queue->sentinel.nodes.n == 0)) {
        return weir_fail(err, WEIR_ECONFIG, "sentinel wants both master and nodes");
    }
    if (queue->sentinel.master != NULL && place.is_unix) {
        return weir_fail(err, WEIR_ECONFIG,
                         "sentinel and a unix:// url do not go together");
    }
    for (size_t i = 0; i < queue->sentinel.nodes.n; i++) {
        if ((st = weir_redis_node_parse(queue->sentinel.nodes.items[i], "26379", &place,
                                        err)) != WEIR_OK) {
            return st;
        }
    }
    if ((queue->tls.cert_file == NULL) != (queue->tls.key_file == NULL)) {
        return weir_fail(err, WEIR_ECONFIG,
                         "tls wants both cert_file and key_file, or neither");
    }
    if (queue->user != NULL && queue->password == NULL) {
        return weir_fail(err, WEIR_ECONFIG, "user without password");
    }
    for (size_t i = 0; i < queue->maxlen.n; i++) {
        bool is_approx;
        uint64_t n;

        if ((st = weir_redis_maxlen_parse(queue->maxlen.pairs[i].value, &is_approx, &n,
                                          err)) != WEIR_OK) {
            return st;
        }
    }
    return WEIR_OK;
}
