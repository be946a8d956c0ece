/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_expand - ${VAR}, ${VAR:-default}, ${file:PATH} and $$ in scalar values.
 *
 * Replaced after parsing, once: what a variable holds is not looked at again, so that it can
 * change neither the shape of the file nor pull in other variables.
 */
#include "worker/app/config_private.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_MAX (1024 * 1024)

static weir_status expand_file(const char *path, const char *base_dir, weir_buf *out,
                               weir_err *err)
{
    weir_status st = WEIR_OK;
    weir_buf full = { 0 };
    FILE *file = NULL;
    size_t before = out->len;

    if (path[0] != '/') {
        weir_buf_printf(&full, "%s/", base_dir);
    }
    weir_buf_str(&full, path);
    if (full.has_failed || (file = fopen(full.data, "re")) == NULL) {
        st =
            weir_fail(err, WEIR_ECONFIG, "cannot read `%s`: %s", path, strerror(errno));
        goto out;
    }
    char chunk[4096];
    size_t n;
    while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0) {
        weir_buf_add(out, chunk, n);
        if (out->len - before > FILE_MAX || memchr(chunk, '\0', n) != NULL) {
            st = weir_fail(err, WEIR_ECONFIG, "`%s` is no text of at most 1 MiB", path);
            goto out;
        }
    }
    if (ferror(file)) {
        st =
            weir_fail(err, WEIR_ECONFIG, "cannot read `%s`: %s", path, strerror(errno));
        goto out;
    }
    if (out->len > before && out->data[out->len - 1] == '\n') {
        out->data[--out->len] = '\0';
    }
out:
    if (file != NULL) {
        fclose(file);
    }
    weir_buf_fini(&full);
    return st;
}

static weir_status expand_name(const char *name, weir_err *err)
{
    if (!isalpha((unsigned char)name[0]) && name[0] != '_') {
        return weir_fail(err, WEIR_ECONFIG,
                         "`${%s}` names no variable; write `$$` for a dollar sign",
                         name);
    }
    for (const char *at = name; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at) && *at != '_') {
            return weir_fail(err, WEIR_ECONFIG,
                             "`${%s}` is none of ${VAR}, ${VAR:-default}, ${file:PATH}",
                             name);
        }
    }
    return WEIR_OK;
}

/* What stands between the braces. */
static weir_status expand_inner(char *inner, const char *base_dir, weir_buf *out,
                                bool *is_secret, bool *is_from_env, weir_err *err)
{
    if (strncmp(inner, "file:", 5) == 0) {
        *is_secret = true;
        return expand_file(inner + 5, base_dir, out, err);
    }
    char *def = strstr(inner, ":-");
    if (def != NULL) {
        *def = '\0';
        def += 2;
    }
    weir_status st = expand_name(inner, err);
    if (st != WEIR_OK) {
        return st;
    }
    const char *value = getenv(inner);
    if (def != NULL && (value == NULL || value[0] == '\0')) {
        value = def;
    }
    if (value == NULL) {
        return weir_fail(
            err, WEIR_ECONFIG,
            "the environment variable `%s` is not set; `${%s:-}` would allow "
            "it to be empty",
            inner, inner);
    }
    *is_from_env = *is_from_env || value != def;
    weir_buf_str(out, value);
    return WEIR_OK;
}

weir_status weir_expand_text(const char *text, const char *base_dir, weir_arena *arena,
                             char **out, bool *is_secret, bool *is_from_env, size_t *at,
                             weir_err *err)
{
    weir_status st = WEIR_OK;
    weir_buf buf = { 0 };
    char *inner = NULL;
    const char *p = text;

    *is_secret = *is_from_env = false;
    while (*p != '\0') {
        *at = (size_t)(p - text);
        if (p[0] != '$') {
            size_t n = strcspn(p, "$");
            weir_buf_add(&buf, p, n);
            p += n;
            continue;
        }
        if (p[1] == '$') {
            weir_buf_char(&buf, '$');
            p += 2;
            continue;
        }
        const char *end = p[1] == '{' ? strchr(p, '}') : NULL;
        if (end == NULL) {
            st = weir_fail(err, WEIR_ECONFIG, "%s",
                           p[1] == '{' ? "`${` without `}`"
                                       : "a single `$`; write `$$` for a dollar sign");
            goto out;
        }
        free(inner);
        inner = strndup(p + 2, (size_t)(end - p - 2));
        if (inner == NULL) {
            st = weir_fail(err, WEIR_ENOMEM, "out of memory");
            goto out;
        }
        st = expand_inner(inner, base_dir, &buf, is_secret, is_from_env, err);
        if (st != WEIR_OK) {
            goto out;
        }
        p = end + 1;
    }
    *out = weir_arena_strdup(arena, buf.data == NULL ? "" : buf.data);
    if (*out == NULL || buf.has_failed) {
        st = weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
out:
    free(inner);
    weir_buf_fini(&buf);
    return st;
}

static void expand_scalar(weir_yaml *node, weir_arena *arena, const char *base_dir,
                          weir_diags *d)
{
    weir_err err = { 0 };
    char *text = NULL;
    bool is_secret = false, is_from_env = false;
    size_t at = 0;

    if (node->is_expanded || strchr(node->text, '$') == NULL) {
        return;
    }
    node->is_expanded = true;
    if (weir_expand_text(node->text, base_dir, arena, &text, &is_secret, &is_from_env,
                         &at, &err) != WEIR_OK) {
        weir_diag_error(d, node->line,
                        node->column + (int)at + (node->is_plain ? 0 : 1), "%s",
                        err.text);
        return;
    }
    node->text = text;
    node->is_secret = is_secret;
    node->is_from_env = is_from_env;
}

void weir_config_expand(weir_yaml *node, weir_arena *arena, const char *base_dir,
                        weir_diags *d)
{
    if (node->kind == WEIR_YAML_SCALAR) {
        expand_scalar(node, arena, base_dir, d);
        return;
    }
    for (size_t i = 0; i < node->n; i++) {
        weir_config_expand(node->kind == WEIR_YAML_LIST ? node->items[i]
                                                        : node->pairs[i].value,
                           arena, base_dir, d);
    }
}
