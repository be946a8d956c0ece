/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin - see admin.h.
 */
#include "worker/app/admin.h"

#include "worker/app/admin_socket.h"
#include "worker/base/check.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"
#include "worker/base/metric.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_CONNECTIONS 64
#define CONNECTION_BYTES (32 * 1024)
#define CONNECTION_SECONDS 40
#define SKIP_US (30 * INT64_C(1000000))

struct weir_admin {
    pthread_rwlock_t lock; /* engine; held for reading while a page asks it */
    weir_engine *engine;
    char *token;
    struct MHD_Daemon *admin, *probes;
    char address[256], probes_address[256];
    char unix_path[128]; /* to unlink; "" none */
};

typedef struct admin_page {
    unsigned status;
    const char *type;
    weir_buf body;
} admin_page;

/* Takes the same time wherever the texts differ. */
static bool admin_token_eq(const char *given, const char *token)
{
    size_t n_given = strlen(given), n_token = strlen(token);
    unsigned char diff = n_given != n_token;

    for (size_t i = 0; i < n_given; i++) {
        diff |= (unsigned char)(given[i] ^ token[n_token == 0 ? 0 : i % n_token]);
    }
    return diff == 0;
}

static bool admin_is_allowed(const weir_admin *admin, struct MHD_Connection *conn)
{
    const char *header = MHD_lookup_connection_value(conn, MHD_HEADER_KIND,
                                                     MHD_HTTP_HEADER_AUTHORIZATION);

    if (admin->token == NULL) {
        return true;
    }
    return header != NULL && strncmp(header, "Bearer ", 7) == 0 &&
           admin_token_eq(header + 7, admin->token);
}

static void admin_livez(weir_engine *engine, admin_page *page)
{
    bool is_live = engine == NULL || weir_engine_is_live(engine);

    page->status = is_live ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
    weir_buf_str(&page->body, is_live ? "ok\n" : "no progress\n");
}

static void admin_readyz(weir_engine *engine, bool is_verbose, admin_page *page)
{
    weir_buf why = { 0 };
    bool is_ready = engine != NULL && weir_engine_is_ready(engine, &why);

    page->status = is_ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
    if ((is_verbose || !is_ready) && why.len > 0) {
        weir_buf_add(&page->body, why.data, why.len);
        weir_buf_str(&page->body, why.data[why.len - 1] == '\n' ? "" : "\n");
    }
    weir_buf_str(&page->body, is_ready ? "ok\n" : "not ready\n");
    weir_buf_fini(&why);
}

static void admin_metrics(weir_engine *engine, struct MHD_Connection *conn,
                          admin_page *page)
{
    const char *accept =
        MHD_lookup_connection_value(conn, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
    bool is_open =
        accept != NULL && strstr(accept, "application/openmetrics-text") != NULL;

    if (engine != NULL) {
        weir_engine_measure(engine);
    }
    weir_metric_write(&page->body, is_open);
    page->type = is_open ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                         : "text/plain; version=0.0.4; charset=utf-8";
}

static unsigned admin_http_status(weir_status st)
{
    switch (st) {
    case WEIR_OK:
        return MHD_HTTP_OK;
    case WEIR_EINVAL:
        return MHD_HTTP_CONFLICT;
    case WEIR_ENOENT:
        return MHD_HTTP_NOT_FOUND;
    case WEIR_ETIMEOUT:
        return MHD_HTTP_GATEWAY_TIMEOUT;
    default:
        return MHD_HTTP_SERVICE_UNAVAILABLE;
    }
}

static void admin_skip(weir_engine *engine, struct MHD_Connection *conn,
                       admin_page *page)
{
    const char *text =
        MHD_lookup_connection_value(conn, MHD_GET_ARGUMENT_KIND, "position");
    weir_address at;
    weir_err err = { 0 };

    if (text == NULL || weir_address_parse(text, &at, &err) != WEIR_OK || !at.has_pos) {
        page->status = MHD_HTTP_BAD_REQUEST;
        weir_buf_printf(&page->body, "%s\n",
                        err.text[0] != '\0' ? err.text
                                            : "position=QUEUE:TOPIC/N@OFFSET is "
                                              "missing");
        return;
    }
    weir_status st =
        engine == NULL
            ? weir_fail(&err, WEIR_EUNAVAIL, "the worker is starting or stopping")
            : weir_engine_skip(engine, &at, weir_clock_us() + SKIP_US, &err);
    page->status = admin_http_status(st);
    weir_buf_printf(&page->body, "%s\n", st == WEIR_OK ? "skipped" : err.text);
    weir_log(st == WEIR_OK ? WEIR_WARN : WEIR_INFO, "admin.skip",
             "position=%s status=\"%s\"", text, weir_status_text(st));
}

/* Fills the page; false: there is no such page. */
static bool admin_route(weir_admin *admin, struct MHD_Connection *conn, bool is_probes,
                        const char *url, const char *method, admin_page *page)
{
    bool is_get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    bool is_found = true;

    page->status = MHD_HTTP_OK;
    page->type = "text/plain; charset=utf-8";
    pthread_rwlock_rdlock(&admin->lock);
    if (is_get && strcmp(url, "/livez") == 0) {
        admin_livez(admin->engine, page);
    } else if (is_get && strcmp(url, "/readyz") == 0) {
        const char *verbose =
            MHD_lookup_connection_value(conn, MHD_GET_ARGUMENT_KIND, "verbose");
        bool has_verbose =
            verbose != NULL ||
            MHD_get_connection_values(conn, MHD_GET_ARGUMENT_KIND, NULL, NULL) > 0;
        admin_readyz(admin->engine, has_verbose, page);
    } else if (is_get && strcmp(url, "/metrics") == 0) {
        admin_metrics(admin->engine, conn, page);
    } else if (is_probes || strcmp(url, "/api/v1/skip") != 0) {
        is_found = false;
    } else if (strcmp(method, "POST") != 0) {
        page->status = MHD_HTTP_METHOD_NOT_ALLOWED;
        weir_buf_str(&page->body, "POST only\n");
    } else if (MHD_lookup_connection_value(conn, MHD_HEADER_KIND,
                                           MHD_HTTP_HEADER_ORIGIN) != NULL) {
        /* A browser on this host sends it for any page that it shows. */
        page->status = MHD_HTTP_FORBIDDEN;
        weir_buf_str(&page->body, "not from a web page\n");
    } else if (!admin_is_allowed(admin, conn)) {
        page->status = MHD_HTTP_UNAUTHORIZED;
        weir_buf_str(&page->body, "a token is needed\n");
    } else {
        admin_skip(admin->engine, conn, page);
    }
    pthread_rwlock_unlock(&admin->lock);
    return is_found;
}

static enum MHD_Result admin_answer(weir_admin *admin, struct MHD_Connection *conn,
                                    bool is_probes, const char *url, const char *method)
{
    admin_page page = { 0 };

    if (!admin_route(admin, conn, is_probes, url, method, &page)) {
        page.status = MHD_HTTP_NOT_FOUND;
        weir_buf_str(&page.body, "no such page\n");
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(
        page.body.len, page.body.data, MHD_RESPMEM_MUST_COPY);
    weir_buf_fini(&page.body);
    if (response == NULL) {
        return MHD_NO;
    }
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, page.type);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    enum MHD_Result result = MHD_queue_response(conn, page.status, response);
    MHD_destroy_response(response);
    return result;
}

/* True once the whole request is there; it is called for each part that came. */
static bool admin_is_whole(size_t *n_body, void **state)
{
    static char is_begun;

    if (*state == NULL) {
        *state = &is_begun; /* headers are there; a body may follow */
        return false;
    }
    if (*n_body > 0) {
        *n_body = 0; /* no page wants one */
        return false;
    }
    return true;
}

static enum MHD_Result admin_request(void *arg, struct MHD_Connection *conn,
                                     const char *url, const char *method,
                                     const char *version, const char *body,
                                     size_t *n_body, void **state)
{
    (void)version;
    (void)body;
    return admin_is_whole(n_body, state) ? admin_answer(arg, conn, false, url, method)
                                         : MHD_YES;
}

static enum MHD_Result probes_request(void *arg, struct MHD_Connection *conn,
                                      const char *url, const char *method,
                                      const char *version, const char *body,
                                      size_t *n_body, void **state)
{
    (void)version;
    (void)body;
    return admin_is_whole(n_body, state) ? admin_answer(arg, conn, true, url, method)
                                         : MHD_YES;
}

static void admin_http_log(void *arg, const char *fmt, va_list args)
{
    /* What a client did wrong is not for our log. */
    (void)arg;
    (void)fmt;
    (void)args;
}

static weir_status admin_listen(weir_admin *admin, const char *address, bool may_move,
                                MHD_AccessHandlerCallback handler, char *shown,
                                size_t cap, struct MHD_Daemon **out, weir_err *err)
{
    int fd = -1;
    weir_status st = weir_listen(address, may_move, &fd, shown, cap, err);

    if (st != WEIR_OK) {
        return st;
    }
    *out = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, NULL, NULL, handler,
        admin, MHD_OPTION_EXTERNAL_LOGGER, admin_http_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE, 2u,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_SECONDS, MHD_OPTION_END);
    if (*out == NULL) {
        close(fd);
        return weir_fail(err, WEIR_EIO, "admin: %s: the server does not start", shown);
    }
    return WEIR_OK;
}

weir_status weir_admin_start(const weir_config *cfg, weir_admin **out, weir_err *err)
{
    weir_admin *admin = calloc(1, sizeof(*admin));
    const char *wrong =
        weir_admin_wrong(cfg->worker.admin, cfg->worker.admin_token != NULL);
    bool is_written =
        weir_yaml_get(weir_yaml_get(cfg->root, "worker"), "admin") != NULL;
    weir_status st = WEIR_OK;

    if (admin == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "admin: out of memory");
    }
    WEIR_ASSERT(pthread_rwlock_init(&admin->lock, NULL) == 0);
    if (wrong != NULL) {
        st = weir_fail(err, WEIR_ECONFIG, "worker.admin: %s: %s", cfg->worker.admin,
                       wrong);
        goto out;
    }
    if (cfg->worker.admin_token != NULL &&
        (admin->token = strdup(cfg->worker.admin_token)) == NULL) {
        st = weir_fail(err, WEIR_ENOMEM, "admin: out of memory");
        goto out;
    }
    if (strcmp(cfg->worker.admin, "off") != 0) {
        st = admin_listen(admin, cfg->worker.admin, !is_written, admin_request,
                          admin->address, sizeof(admin->address), &admin->admin, err);
        if (st != WEIR_OK) {
            (void)weir_err_prefix(err, "worker.admin");
            goto out;
        }
        if (strncmp(admin->address, "unix:", 5) == 0) {
            snprintf(admin->unix_path, sizeof(admin->unix_path), "%.120s",
                     admin->address + 5);
        }
        weir_log(WEIR_INFO, "admin.listening", "address=%s", admin->address);
    }
    if (strcmp(cfg->worker.probes, "off") != 0) {
        st = admin_listen(admin, cfg->worker.probes, false, probes_request,
                          admin->probes_address, sizeof(admin->probes_address),
                          &admin->probes, err);
        if (st != WEIR_OK) {
            (void)weir_err_prefix(err, "worker.probes");
            goto out;
        }
        weir_log(WEIR_INFO, "admin.probes", "address=%s", admin->probes_address);
    }
    *out = admin;
    admin = NULL;
out:
    weir_admin_stop(admin);
    return st;
}

void weir_admin_engine(weir_admin *admin, weir_engine *engine)
{
    pthread_rwlock_wrlock(&admin->lock);
    admin->engine = engine;
    pthread_rwlock_unlock(&admin->lock);
}

const char *weir_admin_address(const weir_admin *admin)
{
    return admin->address;
}

void weir_admin_stop(weir_admin *admin)
{
    if (admin == NULL) {
        return;
    }
    if (admin->admin != NULL) {
        MHD_stop_daemon(admin->admin);
    }
    if (admin->probes != NULL) {
        MHD_stop_daemon(admin->probes);
    }
    if (admin->unix_path[0] != '\0') {
        (void)unlink(admin->unix_path);
    }
    free(admin->token);
    pthread_rwlock_destroy(&admin->lock);
    free(admin);
}
