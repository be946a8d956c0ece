/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opt - settings described by a table of rows; see opt.h.
 */
#include "worker/base/opt.h"

#include "worker/base/check.h"
#include "worker/base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define OPT_NAME_MAX 64 /* longer names are like nothing that is known */
#define OPT_TEXT_MAX 64

static void *opt_at(const weir_opt *row, void *base)
{
    return (char *)base + row->offset;
}

static const void *opt_at_const(const weir_opt *row, const void *base)
{
    return (const char *)base + row->offset;
}

/* -- scalars ------------------------------------------------------------------------- */

/* A bound as it would be written, for the text of an error. */
static const char *opt_bound(const weir_opt *row, int64_t value, char out[OPT_TEXT_MAX])
{
    switch (row->type) {
    case WEIR_OPT_DURATION:
        return weir_duration_format(value, out);
    case WEIR_OPT_SIZE:
        return weir_size_format((uint64_t)value, out);
    default:
        (void)snprintf(out, OPT_TEXT_MAX, "%" PRId64, value);
        return out;
    }
}

/* "timeout: expected a duration such as ... from 1ms to 1h, not "x"" */
static weir_status opt_refuse(const weir_opt *row, const char *what, const char *text,
                              weir_err *err)
{
    char low[OPT_TEXT_MAX];
    char high[OPT_TEXT_MAX];
    bool has_low = row->min != 0 || row->max != 0;

    return weir_fail(
        err, WEIR_ECONFIG, "%s: expected %s%s%s%s%s, not \"%.64s\"", row->name, what,
        has_low ? (row->max != 0 ? ", from " : ", at least ") : "",
        has_low ? opt_bound(row, row->min, low) : "", row->max != 0 ? " to " : "",
        row->max != 0 ? opt_bound(row, row->max, high) : "", text);
}

static bool opt_in_range(const weir_opt *row, int64_t value)
{
    /* Without any bound in the row every value is one. */
    return (row->min == 0 && row->max == 0) ||
           (value >= row->min && (row->max == 0 || value <= row->max));
}

static bool opt_parse_int(const char *text, int64_t *out)
{
    bool is_negative = text[0] == '-';
    const char *at = text + (is_negative || text[0] == '+' ? 1 : 0);
    uint64_t value = 0;
    const uint64_t max = (uint64_t)INT64_MAX + (is_negative ? 1 : 0);

    if (*at == '\0') {
        return false;
    }
    for (; *at != '\0'; at++) {
        if (*at < '0' || *at > '9') {
            return false;
        }

        uint64_t digit = (uint64_t)(*at - '0');

        if (value > (max - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    /* Without leaving the range of int64_t at its lowest value. */
    *out = !is_negative ? (int64_t)value : value == 0 ? 0 : -(int64_t)(value - 1) - 1;
    return true;
}

static weir_status opt_set_number(const weir_opt *row, void *base, const char *text,
                                  weir_err *err)
{
    int64_t value;
    uint64_t bytes;

    switch (row->type) {
    case WEIR_OPT_INT:
        if (!opt_parse_int(text, &value) || !opt_in_range(row, value)) {
            return opt_refuse(row, "a whole number", text, err);
        }
        *(int64_t *)opt_at(row, base) = value;
        return WEIR_OK;
    case WEIR_OPT_SIZE:
        if (weir_size_parse(weir_slice_of(text), &bytes, NULL) != WEIR_OK ||
            !opt_in_range(row, (int64_t)bytes)) {
            return opt_refuse(row, "a size such as 500, 64KiB, 10MB or 1GiB", text,
                              err);
        }
        *(uint64_t *)opt_at(row, base) = bytes;
        return WEIR_OK;
    default:
        if (weir_duration_parse(weir_slice_of(text), &value, NULL) != WEIR_OK ||
            !opt_in_range(row, value)) {
            return opt_refuse(row, "a duration such as 250ms, 5s, 2m or 1h", text, err);
        }
        *(int64_t *)opt_at(row, base) = value;
        return WEIR_OK;
    }
}

static weir_status opt_set_enum(const weir_opt *row, void *base, const char *text,
                                weir_err *err)
{
    char all[256] = "";
    size_t len = 0;

    for (int i = 0; row->words[i] != NULL; i++) {
        if (strcmp(row->words[i], text) == 0) {
            *(int *)opt_at(row, base) = i;
            return WEIR_OK;
        }
        if (len < sizeof(all)) {
            const char *before = i == 0                      ? ""
                                 : row->words[i + 1] == NULL ? " or "
                                                             : ", ";

            len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s", before,
                                    row->words[i]);
        }
    }
    return weir_fail(err, WEIR_ECONFIG, "%s: expected %s, not \"%.64s\"", row->name,
                     all, text);
}

static weir_status opt_set_string(const weir_opt *row, void *base, const char *text,
                                  weir_err *err)
{
    char *copy = strdup(text);
    char **at = opt_at(row, base);

    if (copy == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "%s: out of memory", row->name);
    }
    free(*at);
    *at = copy;
    return WEIR_OK;
}

weir_status weir_opt_set(const weir_opt *row, void *base, const char *text,
                         weir_err *err)
{
    switch (row->type) {
    case WEIR_OPT_STRING:
    case WEIR_OPT_SECRET:
        return opt_set_string(row, base, text, err);
    case WEIR_OPT_BOOL:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
            return weir_fail(err, WEIR_ECONFIG,
                             "%s: expected true or false, not \"%.64s\"", row->name,
                             text);
        }
        *(bool *)opt_at(row, base) = text[0] == 't';
        return WEIR_OK;
    case WEIR_OPT_INT:
    case WEIR_OPT_SIZE:
    case WEIR_OPT_DURATION:
        return opt_set_number(row, base, text, err);
    case WEIR_OPT_ENUM:
        return opt_set_enum(row, base, text, err);
    case WEIR_OPT_MAP:
    case WEIR_OPT_LIST:
    case WEIR_OPT_TREE:
    case WEIR_OPT_GROUP:
        break;
    }
    return weir_fail(err, WEIR_ECONFIG, "%s: one value alone cannot be set here",
                     row->name);
}

/* -- whole structs ------------------------------------------------------------------- */

static weir_status opt_set_default(const weir_opt *row, void *base, weir_err *err)
{
    switch (row->type) {
    case WEIR_OPT_GROUP:
        return weir_opt_defaults(row->rows, opt_at(row, base), err);
    case WEIR_OPT_MAP:
        return WEIR_OK; /* empty */
    case WEIR_OPT_LIST:
        if (row->def != NULL && !weir_opt_list_add(opt_at(row, base), row->def)) {
            return weir_fail(err, WEIR_ENOMEM, "%s: out of memory", row->name);
        }
        return WEIR_OK;
    case WEIR_OPT_TREE:
        return row->def == NULL ? WEIR_OK : opt_set_string(row, base, row->def, err);
    default:
        return row->def == NULL ? WEIR_OK : weir_opt_set(row, base, row->def, err);
    }
}

weir_status weir_opt_defaults(const weir_opt *rows, void *base, weir_err *err)
{
    for (const weir_opt *row = rows; row->name != NULL; row++) {
        weir_status st = opt_set_default(row, base, err);

        if (st != WEIR_OK) {
            weir_opt_fini(rows, base);
            return st;
        }
    }
    return WEIR_OK;
}

void weir_opt_fini(const weir_opt *rows, void *base)
{
    for (const weir_opt *row = rows; row->name != NULL; row++) {
        char **text = opt_at(row, base);

        switch (row->type) {
        case WEIR_OPT_SECRET:
            if (*text != NULL) {
                explicit_bzero(*text, strlen(*text));
            }
            free(*text);
            *text = NULL;
            break;
        case WEIR_OPT_STRING:
        case WEIR_OPT_TREE:
            free(*text);
            *text = NULL;
            break;
        case WEIR_OPT_MAP:
            weir_opt_map_fini(opt_at(row, base));
            break;
        case WEIR_OPT_LIST:
            weir_opt_list_fini(opt_at(row, base));
            break;
        case WEIR_OPT_GROUP:
            weir_opt_fini(row->rows, opt_at(row, base));
            break;
        case WEIR_OPT_BOOL:
        case WEIR_OPT_INT:
        case WEIR_OPT_SIZE:
        case WEIR_OPT_DURATION:
        case WEIR_OPT_ENUM:
            break; /* they own nothing */
        }
    }
}

bool weir_opt_get(const weir_opt *row, const void *base, char *out, size_t cap,
                  const char **text)
{
    const void *at = opt_at_const(row, base);

    WEIR_ASSERT(cap >= OPT_TEXT_MAX);
    *text = out;
    switch (row->type) {
    case WEIR_OPT_STRING:
        *text = *(char *const *)at;
        return *text != NULL;
    case WEIR_OPT_SECRET:
        *text = *(char *const *)at == NULL ? NULL : "****";
        return *text != NULL;
    case WEIR_OPT_BOOL:
        *text = *(const bool *)at ? "true" : "false";
        return true;
    case WEIR_OPT_INT:
        (void)snprintf(out, cap, "%" PRId64, *(const int64_t *)at);
        return true;
    case WEIR_OPT_SIZE:
        (void)weir_size_format(*(const uint64_t *)at, out);
        return true;
    case WEIR_OPT_DURATION:
        (void)weir_duration_format(*(const int64_t *)at, out);
        return true;
    case WEIR_OPT_ENUM:
        *text = row->words[*(const int *)at];
        return true;
    case WEIR_OPT_MAP:
    case WEIR_OPT_LIST:
    case WEIR_OPT_TREE:
    case WEIR_OPT_GROUP:
        break;
    }
    *text = NULL;
    return false;
}

/* -- names --------------------------------------------------------------------------- */

const weir_opt *weir_opt_find(const weir_opt *rows, const char *name)
{
    for (const weir_opt *row = rows; row->name != NULL; row++) {
        if (strcmp(row->name, name) == 0) {
            return row;
        }
    }
    return NULL;
}

static size_t opt_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters must be put in, left out, replaced, or swapped with the next one. */
static size_t opt_distance(const char *a, const char *b)
{
    size_t n = strlen(b);
    size_t rows[3][OPT_NAME_MAX + 1];
    size_t *before = rows[0]; /* for a without its last two letters */
    size_t *last = rows[1];   /* without its last letter */
    size_t *now = rows[2];

    for (size_t j = 0; j <= n; j++) {
        before[j] = 0;
        last[j] = j;
    }
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        now[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;

            now[j] = opt_min(last[j - 1] + cost, opt_min(last[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                now[j] = opt_min(now[j], before[j - 2] + 1);
            }
        }

        size_t *spare = before;

        before = last;
        last = now;
        now = spare;
    }
    return last[n];
}

/* Keeps the nearer of *best and word, if word is near enough at all. */
static void opt_nearer(const char *name, const char *word, const char **best,
                       size_t *distance)
{
    size_t name_len = strlen(name);
    size_t word_len = strlen(word);

    if (name_len > OPT_NAME_MAX || word_len > OPT_NAME_MAX) {
        return;
    }

    size_t d = opt_distance(name, word);
    size_t longer = name_len > word_len ? name_len : word_len;

    if (d * 3 <= longer && (*best == NULL || d < *distance)) {
        *best = word;
        *distance = d;
    }
}

const char *weir_opt_nearest(const weir_opt *rows, const char *name)
{
    const char *best = NULL;
    size_t distance = 0;

    for (const weir_opt *row = rows; row->name != NULL; row++) {
        opt_nearer(name, row->name, &best, &distance);
    }
    return best;
}

const char *weir_word_nearest(const char *const *words, const char *name)
{
    const char *best = NULL;
    size_t distance = 0;

    for (; *words != NULL; words++) {
        opt_nearer(name, *words, &best, &distance);
    }
    return best;
}

/* -- maps and lists ------------------------------------------------------------------ */

bool weir_opt_map_add(weir_opt_map *map, const char *name, const char *value)
{
    weir_opt_pair *pairs = realloc(map->pairs, (map->n + 1) * sizeof(pairs[0]));

    if (pairs == NULL) {
        return false;
    }
    map->pairs = pairs;

    weir_opt_pair pair = { .name = strdup(name), .value = strdup(value) };

    if (pair.name == NULL || pair.value == NULL) {
        free(pair.name);
        free(pair.value);
        return false;
    }
    map->pairs[map->n++] = pair;
    return true;
}

const char *weir_opt_map_get(const weir_opt_map *map, const char *name)
{
    /* The last one of a name counts. */
    for (size_t i = map->n; i-- > 0;) {
        if (strcmp(map->pairs[i].name, name) == 0) {
            return map->pairs[i].value;
        }
    }
    return NULL;
}

void weir_opt_map_fini(weir_opt_map *map)
{
    for (size_t i = 0; i < map->n; i++) {
        free(map->pairs[i].name);
        /* Passwords of clients travel here too. */
        explicit_bzero(map->pairs[i].value, strlen(map->pairs[i].value));
        free(map->pairs[i].value);
    }
    free(map->pairs);
    *map = (weir_opt_map){ 0 };
}

bool weir_opt_list_add(weir_opt_list *list, const char *item)
{
    char **items = realloc(list->items, (list->n + 1) * sizeof(items[0]));

    if (items == NULL) {
        return false;
    }
    list->items = items;
    if ((list->items[list->n] = strdup(item)) == NULL) {
        return false;
    }
    list->n++;
    return true;
}

void weir_opt_list_fini(weir_opt_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->items[i]);
    }
    free(list->items);
    *list = (weir_opt_list){ 0 };
}
