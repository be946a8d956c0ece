/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_skip - `weir skip`: passes one position that can be handled in no other way.
 */
#include "worker/app/place.h"

#include "worker/app/admin.h"
#include "worker/app/skip_offline.h"
#include "worker/app/slot.h"

#define MAX_WORKERS 64

/* Asks each worker that runs here; the one that holds the position answers. */
static weir_status skip_ask(const weir_config *cfg, char (*admin)[256], size_t n,
                            const char *position, weir_err *err)
{
    weir_status st = WEIR_EUNAVAIL;

    for (size_t i = 0; i < n; i++) {
        st = weir_admin_ask_skip(admin[i], cfg->worker.admin_token, position, err);
        if (st != WEIR_ENOENT && st != WEIR_EUNAVAIL) {
            break; /* it is held there */
        }
    }
    return st;
}

int weir_cmd_skip(const weir_cli *cli)
{
    char admin[MAX_WORKERS][256];
    const char *given = weir_cli_get(cli, "admin");
    const char *position = cli->args[0];
    weir_config *cfg = NULL;
    weir_address at;
    weir_err err = { 0 };
    size_t n = 0;

    if (weir_address_parse(position, &at, &err) != WEIR_OK || !at.has_pos) {
        return weir_cli_usage(
            cli, "%s: %s", position,
            err.text[0] != '\0'
                ? err.text
                : "a position ends with its place: kafka:orders/3@1042");
    }
    int code = weir_cli_load(cli, false, &cfg);
    if (code != WEIR_EXIT_OK) {
        return code;
    }
    if (given != NULL) {
        n = 1;
        snprintf(admin[0], sizeof(admin[0]), "%s", given);
    } else {
        n = weir_slot_running(cfg, admin, MAX_WORKERS);
    }
    weir_status st = n > 0 ? skip_ask(cfg, admin, n, position, &err)
                           : weir_skip_offline(cfg, &at, position,
                                               weir_cli_get(cli, "subscription"), &err);
    code = st == WEIR_OK
               ? WEIR_EXIT_OK
               : weir_cli_fail(weir_exit_of(st), "%s: %s", position, err.text);
    if (code == WEIR_EXIT_OK) {
        fprintf(stderr, "skipped %s\n", position);
    }
    weir_config_free(cfg);
    return code;
}
