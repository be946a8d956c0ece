/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as a configuration file. It is taken, or every fault has a place and a sentence;
 * what is taken is printed as JSON and YAML, which can be read again, and made into what the
 * engine gets.
 *
 *     fuzz_config -max_len=4096 SCRATCH_FOLDER tests/data/fuzz/config
 */
#include "worker/app/config.h"
#include "worker/base/check.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at_diags(weir_config *cfg)
{
    weir_buf text = { 0 };
    size_t n_errors = 0;

    for (size_t i = 0; i < cfg->diags.n; i++) {
        const weir_diag *item = &cfg->diags.items[i];

        WEIR_ASSERT(item->text != NULL && item->text[0] != '\0');
        WEIR_ASSERT(item->line >= 0 && item->column >= 0);
        n_errors += item->is_warning ? 0 : 1;
    }
    WEIR_ASSERT(n_errors == cfg->diags.n_errors || cfg->diags.n_more > 0);
    weir_diags_write(&cfg->diags, &text, false);
    WEIR_ASSERT(cfg->diags.n == 0 || text.len > 0);
    weir_buf_fini(&text);
}

static void look_at_print(const weir_config *cfg)
{
    weir_buf json = { 0 };
    weir_buf yaml = { 0 };
    weir_json *doc = NULL;
    weir_diags diags = { .path = "printed" };
    weir_yaml *root = NULL;
    weir_arena arena;

    weir_arena_init(&arena, 0);
    weir_config_json(cfg, &json);
    WEIR_ASSERT(weir_json_parse(weir_buf_slice(&json), &doc, NULL) == WEIR_OK);
    weir_json_free(doc);
    WEIR_ASSERT(weir_json_to_yaml(weir_buf_slice(&json), &yaml, NULL) == WEIR_OK);
    if (yaml.len <= WEIR_YAML_BYTES) {
        WEIR_ASSERT(weir_yaml_read(weir_buf_slice(&yaml), &arena, &diags, &root) ==
                    WEIR_OK);
        WEIR_ASSERT(diags.n_errors == 0 && root != NULL);
    }
    weir_diags_fini(&diags);
    weir_arena_fini(&arena);
    weir_buf_fini(&json);
    weir_buf_fini(&yaml);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_config *cfg = NULL;

    /* ${file:} reads what it names; a terminal or a pipe would be waited for. */
    if (memmem(data, size, "file:", 5) != NULL) {
        return 0;
    }
    const weir_slice text = { (const char *)data, size };
    const weir_status st = weir_config_parse("/nonexistent/weir.yaml", text, &cfg);

    WEIR_ASSERT(st == WEIR_OK || st == WEIR_ECONFIG);
    WEIR_ASSERT((st == WEIR_OK) == (cfg->diags.n_errors == 0));
    look_at_diags(cfg);
    if (st == WEIR_OK) {
        weir_plan plan;

        look_at_print(cfg);
        WEIR_ASSERT(weir_config_build(cfg, "i", &plan) == WEIR_OK);
        WEIR_ASSERT(plan.setup.n_subs == cfg->n_subs);
        weir_plan_fini(&plan);
    }
    weir_config_free(cfg);
    return 0;
}
