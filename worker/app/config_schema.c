/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_schema - the JSON Schema of the file, out of the tables of settings.
 */
#include "worker/app/config.h"

static void schema_rows(weir_buf *out, const weir_opt *rows, int depth, bool is_first);

static void schema_indent(weir_buf *out, int depth)
{
    weir_buf_char(out, '\n');
    for (int i = 0; i < depth; i++) {
        weir_buf_str(out, "  ");
    }
}

static void schema_member(weir_buf *out, int depth, const char *name, const char *text)
{
    weir_buf_char(out, ',');
    schema_indent(out, depth);
    weir_buf_json(out, weir_slice_of(name));
    weir_buf_str(out, ": ");
    weir_buf_str(out, text);
}

static void schema_text(weir_buf *out, int depth, const char *name, const char *text)
{
    schema_member(out, depth, name, "");
    weir_buf_json(out, weir_slice_of(text));
}

/* A scalar may be written as ${...}, so every type also takes such a text. */
#define REFERENCE "{ \"type\": \"string\", \"pattern\": \"\\\\$\" }"

static void schema_scalar(weir_buf *out, int depth, const weir_opt *row)
{
    switch (row->type) {
    case WEIR_OPT_BOOL:
        schema_member(out, depth, "anyOf",
                      "[ { \"type\": \"boolean\" }, " REFERENCE " ]");
        break;
    case WEIR_OPT_INT:
        schema_member(out, depth, "anyOf", "[ { \"type\": \"integer\"");
        weir_buf_printf(out, ", \"minimum\": %lld", (long long)row->min);
        if (row->max != 0) {
            weir_buf_printf(out, ", \"maximum\": %lld", (long long)row->max);
        }
        weir_buf_str(out, " }, " REFERENCE " ]");
        break;
    case WEIR_OPT_ENUM:
        schema_member(out, depth, "anyOf", "[ { \"enum\": [");
        for (size_t i = 0; row->words[i] != NULL; i++) {
            weir_buf_str(out, i == 0 ? "" : ", ");
            weir_buf_json(out, weir_slice_of(row->words[i]));
        }
        weir_buf_str(out, "] }, " REFERENCE " ]");
        break;
    case WEIR_OPT_SIZE:
        schema_member(
            out, depth, "anyOf",
            "[ { \"type\": \"string\", \"pattern\": "
            "\"^[0-9]+ ?([kKMGT]i?)?B?$\" }, { \"type\": \"integer\" }, " REFERENCE
            " ]");
        break;
    case WEIR_OPT_DURATION:
        schema_member(out, depth, "anyOf",
                      "[ { \"type\": \"string\", \"pattern\": "
                      "\"^([0-9]+(\\\\.[0-9]+)?(us|ms|s|m|h|d))+$\" }, " REFERENCE
                      " ]");
        break;
    default:
        schema_member(out, depth, "type", "[\"string\", \"number\", \"boolean\"]");
        break;
    }
}

static void schema_row(weir_buf *out, int depth, const weir_opt *row)
{
    weir_buf_json(out, weir_slice_of(row->name));
    weir_buf_str(out, ": {");
    schema_indent(out, depth + 1);
    weir_buf_str(out, "\"description\": ");
    weir_buf_json(out, weir_slice_of(row->help));
    if (row->def != NULL) {
        schema_text(out, depth + 1, "x-default", row->def);
    }
    switch (row->type) {
    case WEIR_OPT_GROUP:
        schema_member(out, depth + 1, "type", "\"object\"");
        schema_member(out, depth + 1, "additionalProperties", "false");
        schema_member(out, depth + 1, "properties", "{");
        schema_rows(out, row->rows, depth + 2, true);
        schema_indent(out, depth + 1);
        weir_buf_char(out, '}');
        break;
    case WEIR_OPT_MAP:
        schema_member(out, depth + 1, "type", "\"object\"");
        schema_member(out, depth + 1, "additionalProperties",
                      "{ \"type\": [\"string\", \"number\", \"boolean\"] }");
        break;
    case WEIR_OPT_LIST:
        schema_member(
            out, depth + 1, "anyOf",
            "[ { \"type\": \"string\" }, { \"type\": \"array\", \"minItems\": 1, "
            "\"items\": { \"type\": \"string\" } } ]");
        break;
    case WEIR_OPT_TREE:
        break; /* anything */
    default:
        schema_scalar(out, depth + 1, row);
        break;
    }
    schema_indent(out, depth);
    weir_buf_char(out, '}');
}

static void schema_rows(weir_buf *out, const weir_opt *rows, int depth, bool is_first)
{
    for (const weir_opt *row = rows; row->name != NULL; row++) {
        weir_buf_str(out, is_first ? "" : ",");
        is_first = false;
        schema_indent(out, depth);
        schema_row(out, depth, row);
    }
}

/* An object of these rows: `extra` is written before its properties. */
static void schema_object(weir_buf *out, int depth, const weir_opt *rows,
                          const char *extra)
{
    bool is_first = extra[0] == '\0';

    weir_buf_str(out, "{");
    schema_indent(out, depth + 1);
    weir_buf_str(out, "\"type\": \"object\"");
    schema_member(out, depth + 1, "additionalProperties", "false");
    schema_member(out, depth + 1, "required", "[");
    weir_buf_str(out, is_first ? "" : "\"type\"");
    bool is_first_required = is_first;
    for (const weir_opt *row = rows; row->name != NULL; row++) {
        if (row->is_required) {
            weir_buf_str(out, is_first_required ? "" : ", ");
            weir_buf_json(out, weir_slice_of(row->name));
            is_first_required = false;
        }
    }
    weir_buf_char(out, ']');
    schema_member(out, depth + 1, "properties", "{");
    if (!is_first) {
        schema_indent(out, depth + 2);
        weir_buf_printf(out, "\"type\": { \"const\": \"%s\" }", extra);
    }
    schema_rows(out, rows, depth + 2, is_first);
    schema_indent(out, depth + 1);
    weir_buf_char(out, '}');
    schema_indent(out, depth);
    weir_buf_char(out, '}');
}

void weir_config_schema(weir_buf *out)
{
    weir_buf_str(out,
                 "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
                 "  \"title\": \"The configuration file of weir\",\n"
                 "  \"type\": \"object\",\n  \"additionalProperties\": false,\n"
                 "  \"required\": [\"worker\"],\n"
                 "  \"patternProperties\": { \"^x-\": {} },\n  \"properties\": {\n"
                 "    \"worker\": ");
    schema_object(out, 2, weir_worker_rows, "");
    weir_buf_str(out, ",\n    \"queues\": {\n      \"type\": \"object\",\n"
                      "      \"additionalProperties\": { \"anyOf\": [");
    for (size_t i = 0; weir_queue_types[i] != NULL; i++) {
        weir_buf_str(out, i == 0 ? "\n        " : ",\n        ");
        schema_object(out, 4, weir_queue_types[i]->rows, weir_queue_types[i]->name);
    }
    weir_buf_str(out,
                 " ] }\n    },\n    \"functions\": {\n      \"type\": \"object\",\n"
                 "      \"additionalProperties\": { \"anyOf\": [");
    for (const weir_host_type *type = weir_host_types; type->name != NULL; type++) {
        weir_buf_str(out, type == weir_host_types ? "\n        " : ",\n        ");
        schema_object(out, 4, type->rows, "");
    }
    weir_buf_str(out,
                 " ] }\n    },\n    \"subscriptions\": {\n      \"type\": \"array\",\n"
                 "      \"items\": ");
    schema_object(out, 3, weir_sub_rows, "");
    weir_buf_str(out, "\n    }\n  }\n}\n");
}
