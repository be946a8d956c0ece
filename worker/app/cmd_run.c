/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_run - `weir run`.
 */
#include "worker/app/cli.h"
#include "worker/app/worker.h"

int weir_cmd_run(const weir_cli *cli)
{
    const char *path = weir_cli_get(cli, "config");
    weir_config *cfg = NULL;

    weir_worker_block_signals();
    int code = weir_cli_load(cli, false, &cfg);
    if (code != WEIR_EXIT_OK) {
        return code;
    }
    if (cfg->n_subs == 0) {
        code = weir_cli_fail(WEIR_EXIT_CONFIG, "%s: there is no subscription to run",
                             cfg->path);
    } else if (weir_config_check_functions(cfg) != WEIR_OK) {
        weir_cli_findings(cfg, false);
        code = WEIR_EXIT_CONFIG;
    }
    if (code != WEIR_EXIT_OK) {
        weir_config_free(cfg);
        return code;
    }
    weir_worker_setup setup = { .path = path == NULL ? "weir.yaml" : path };
    return weir_worker_main(&setup, cfg);
}
