/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_check - `weir check`.
 */
#include "worker/app/check_connect.h"
#include "worker/base/clock.h"

static int check_schema(void)
{
    weir_buf out = { 0 };

    weir_config_schema(&out);
    int code = weir_cli_print(&out);
    weir_buf_fini(&out);
    return code;
}

static int check_print(const weir_cli *cli, const weir_config *cfg)
{
    weir_buf json = { 0 }, yaml = { 0 };
    weir_err err = { 0 };
    int code;

    weir_config_json(cfg, &json);
    if (weir_cli_wants_json(cli)) {
        weir_buf_char(&json, '\n');
        code = weir_cli_print(&json);
    } else if (weir_json_to_yaml(weir_buf_slice(&json), &yaml, &err) != WEIR_OK) {
        code = weir_cli_fail(WEIR_EXIT_INTERNAL, "%s", err.text);
    } else {
        code = weir_cli_print(&yaml);
    }
    weir_buf_fini(&json);
    weir_buf_fini(&yaml);
    return code;
}

static int check_connect(const weir_cli *cli, const weir_config *cfg)
{
    const char *timeout = weir_cli_get(cli, "timeout");
    int64_t timeout_us = 10000000;
    weir_err err = { 0 };

    if (timeout != NULL &&
        (weir_duration_parse(weir_slice_of(timeout), &timeout_us, &err) != WEIR_OK ||
         timeout_us < 1000 || timeout_us > 3600 * INT64_C(1000000))) {
        return weir_cli_usage(cli, "--timeout takes a time from 1ms to 1h");
    }
    const weir_connect_setup setup = { (int)(timeout_us / 1000),
                                       weir_cli_get(cli, "create-topics") != NULL,
                                       weir_cli_wants_json(cli) };
    return weir_check_connect(cfg, &setup);
}

/* What was found, as one JSON map. */
static int check_findings(const weir_config *cfg)
{
    weir_buf out = { 0 };

    weir_buf_str(&out, "{\"file\":");
    weir_buf_json(&out, weir_slice_of(cfg->path));
    weir_buf_printf(&out,
                    ",\"errors\":%zu,\"warnings\":%zu,\"subscriptions\":%zu,"
                    "\"functions\":%zu,\"findings\":[",
                    cfg->diags.n_errors, cfg->diags.n_warnings, cfg->n_subs,
                    cfg->n_functions);
    for (size_t i = 0; i < cfg->diags.n; i++) {
        const weir_diag *item = &cfg->diags.items[i];

        weir_buf_printf(&out, "%s{\"line\":%d,\"column\":%d,\"kind\":\"%s\",\"text\":",
                        i == 0 ? "" : ",", item->line, item->column,
                        item->is_warning ? "warning" : "error");
        weir_buf_json(&out, weir_slice_of(item->text));
        weir_buf_char(&out, '}');
    }
    weir_buf_str(&out, "]}\n");
    int code = weir_cli_print(&out);
    weir_buf_fini(&out);
    return code;
}

int weir_cmd_check(const weir_cli *cli)
{
    const char *path = weir_cli_get(cli, "config");
    weir_config *cfg = NULL;
    int code = WEIR_EXIT_OK;

    if (weir_cli_get(cli, "schema") != NULL) {
        return check_schema();
    }
    (void)weir_config_load(path == NULL ? "weir.yaml" : path, &cfg);
    if (cfg == NULL) {
        return weir_cli_fail(WEIR_EXIT_INTERNAL, "out of memory");
    }
    (void)weir_config_check_functions(cfg);
    weir_cli_findings(cfg, true);
    bool wants_more = weir_cli_get(cli, "print") != NULL ||
                      weir_cli_get(cli, "connect") != NULL ||
                      weir_cli_get(cli, "create-topics") != NULL;
    if (weir_cli_wants_json(cli) && (cfg->diags.n_errors > 0 || !wants_more)) {
        code = check_findings(cfg);
    }
    if (code == WEIR_EXIT_OK && cfg->diags.n_errors > 0) {
        code = WEIR_EXIT_CONFIG;
    } else if (weir_cli_get(cli, "print") != NULL) {
        code = check_print(cli, cfg);
    } else if (wants_more) {
        code = check_connect(cli, cfg);
    } else {
        fprintf(stderr,
                "%s: %zu subscription%s, %zu function%s: no errors, %zu warning%s\n",
                cfg->path, cfg->n_subs, cfg->n_subs == 1 ? "" : "s", cfg->n_functions,
                cfg->n_functions == 1 ? "" : "s", cfg->diags.n_warnings,
                cfg->diags.n_warnings == 1 ? "" : "s");
    }
    weir_config_free(cfg);
    return code;
}
