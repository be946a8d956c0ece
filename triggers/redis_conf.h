/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_conf - the settings of a queue of type redis, and how its url is read.
 *
 * Threads: any; the settings are constant once they are filled.
 */
#ifndef WEIR_TRIGGERS_REDIS_CONF_H
#define WEIR_TRIGGERS_REDIS_CONF_H

#include "worker/base/opt.h"

#include <stdint.h>

typedef struct weir_redis_tls_opts {
    char *ca_file; /* NULL: the system's */
    char *cert_file, *key_file;
    char *server_name; /* NULL: the host of the url */
} weir_redis_tls_opts;

typedef struct weir_redis_sentinel_opts {
    char *master; /* NULL: no Sentinel */
    weir_opt_list nodes;
} weir_redis_sentinel_opts;

/* What stands under `queues: NAME`; also weir_source_setup.queue and weir_sink_setup.queue. */
typedef struct weir_redis_queue {
    char *url;
    char *user, *password; /* NULL: none */
    weir_redis_tls_opts tls;
    weir_redis_sentinel_opts sentinel;
    weir_opt_map maxlen; /* stream -> "1000" or "~1000" */
} weir_redis_queue;

/* The rows of weir_redis_queue; ends with a row without name. */
extern const weir_opt weir_redis_opts[];

/* A place to connect to. */
typedef struct weir_redis_place {
    bool is_tls;
    bool is_unix;   /* host is the path of a socket */
    char host[256]; /* without the brackets of an IPv6 address */
    char port[8];
    int db;
} weir_redis_place;

/*
 * Reads redis://HOST[:PORT][/DB], rediss:// (TLS) or unix:///PATH[?db=N]. Credentials in the url
 * are refused, because urls are printed; they go into `user` and `password`.
 * Returns: WEIR_OK or WEIR_ECONFIG.
 */
weir_status weir_redis_url_parse(const char *text, weir_redis_place *out,
                                 weir_err *err);

/* Reads "host:port", "[::1]:port" or "host" (port: def_port) into host and port of out. */
weir_status weir_redis_node_parse(const char *text, const char *def_port,
                                  weir_redis_place *out, weir_err *err);

/* Reads "1000" or "~1000". WEIR_ECONFIG for anything else. */
weir_status weir_redis_maxlen_parse(const char *text, bool *is_approx, uint64_t *n,
                                    weir_err *err);

/* Everything that can be wrong in the settings before a server is asked. */
weir_status weir_redis_conf_check(const weir_redis_queue *queue, weir_err *err);

#endif
