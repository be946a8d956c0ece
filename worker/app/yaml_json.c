/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml_json - a tree of the configuration as JSON.
 */
#include "worker/app/yaml.h"

/* A number as JSON writes it: -?int frac? exp?. Others (0x1F, +1, .5, 010) stay text. */
static bool yaml_is_number(const char *text)
{
    const char *at = text + (*text == '-');

    if (*at == '0') {
        at++;
    } else if (*at >= '1' && *at <= '9') {
        at += strspn(at, "0123456789");
    } else {
        return false;
    }
    if (*at == '.') {
        size_t n = strspn(at + 1, "0123456789");
        if (n == 0) {
            return false;
        }
        at += 1 + n;
    }
    if (*at == 'e' || *at == 'E') {
        at++;
        at += *at == '+' || *at == '-';
        size_t n = strspn(at, "0123456789");
        if (n == 0) {
            return false;
        }
        at += n;
    }
    return *at == '\0';
}

static void yaml_scalar_json(const weir_yaml *node, weir_buf *out, bool mask)
{
    if (mask && (node->is_secret || node->is_from_env)) {
        weir_buf_str(out, "\"****\"");
        return;
    }
    if (weir_yaml_is_null(node)) {
        weir_buf_str(out, "null");
        return;
    }
    if (node->is_plain &&
        (strcmp(node->text, "true") == 0 || strcmp(node->text, "false") == 0 ||
         yaml_is_number(node->text))) {
        weir_buf_str(out, node->text);
        return;
    }
    weir_buf_json(out, weir_slice_of(node->text));
}

bool weir_yaml_is_secret(const char *name)
{
    static const char *const words[] = { "pass",    "secret",     "token",   "jaas",
                                         ".pem",    "api.key",    "api_key", "apikey",
                                         "private", "credential", NULL };

    for (size_t i = 0; words[i] != NULL; i++) {
        if (strcasestr(name, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

void weir_yaml_json(const weir_yaml *node, weir_buf *out, bool mask)
{
    switch (node->kind) {
    case WEIR_YAML_SCALAR:
        yaml_scalar_json(node, out, mask);
        break;
    case WEIR_YAML_LIST:
        weir_buf_char(out, '[');
        for (size_t i = 0; i < node->n; i++) {
            weir_buf_str(out, i == 0 ? "" : ",");
            weir_yaml_json(node->items[i], out, mask);
        }
        weir_buf_char(out, ']');
        break;
    case WEIR_YAML_MAP:
        weir_buf_char(out, '{');
        for (size_t i = 0; i < node->n; i++) {
            weir_buf_str(out, i == 0 ? "" : ",");
            weir_buf_json(out, weir_slice_of(node->pairs[i].key->text));
            weir_buf_char(out, ':');
            if (mask && node->pairs[i].value->kind != WEIR_YAML_MAP &&
                weir_yaml_is_secret(node->pairs[i].key->text)) {
                weir_buf_str(out, "\"****\"");
            } else {
                weir_yaml_json(node->pairs[i].value, out, mask);
            }
        }
        weir_buf_char(out, '}');
        break;
    }
}
