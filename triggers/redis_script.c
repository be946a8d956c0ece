/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_script - see redis_script.h.
 *
 *     KEYS  the streams that are read, then those that are written
 *     ARGV  group, our consumer, how many streams are read, how many entries
 *           "", "=N" or "~N" for each stream that is written
 *           lowest and highest id and number of the entries of each stream that is read
 *           which stream and which id, for each entry
 *           how many outputs, for each entry, and of each: key, how many words, the words
 *
 *     {"OK", entry, owner, entry, owner, ...}  the entries that were not ours
 *     {"KEY", key, why, key, why, ...}         nothing was written
 */
#include "triggers/redis_script.h"

#include "triggers/redis_sink.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Rights: from 7.0 on the server answers whether the user may run a command. Before that, an
 * XADD with an id that can never be added says so; so does an XACK of such an id. Neither
 * changes anything. Errors are caught (pcall) and handed back, because one that ends the script
 * comes in another wording in each version.
 *
 * An XADD that fails after another one has succeeded cannot be (only a stream whose last
 * possible id is taken would); then what was added is deleted again.
 */
static const char script_text[] =
    "local group, me = ARGV[1], ARGV[2] "
    "local n_src, n = tonumber(ARGV[3]), tonumber(ARGV[4]) "
    "local can = redis.acl_check_cmd "
    "local bad = {'KEY'} "
    "local function fail(e) return {err = (string.gsub(e, '^%-', ''))} end "
    "local function refuse(k, why) bad[#bad + 1] = k bad[#bad + 1] = why end "
    "for k, key in ipairs(KEYS) do "
    "local cmd = k <= n_src and 'XACK' or 'XADD' "
    "local e = nil "
    "if can then "
    "local ok if k <= n_src then ok = can('XACK', key, group, '0-0') and "
    "can('XPENDING', key, group) "
    "else ok = can('XADD', key, '*', 'f', 'v') end "
    "if not ok then e = 'NOPERM this user may not ' .. cmd .. ' it' end "
    "else "
    "local r if k <= n_src then r = redis.pcall('XACK', key, group, '0-0') "
    "else r = redis.pcall('XADD', key, '0-0', 'f', 'v') end "
    "if type(r) == 'table' and r.err and not string.find(r.err, 'greater than') then "
    "if not string.find(r.err, 'NOPERM') and not string.find(r.err, 'WRONGTYPE') then "
    "return fail(r.err) end "
    "e = (string.gsub(r.err, '^%-', '')) end "
    "end "
    "if not e and k > n_src then "
    "local t = redis.pcall('TYPE', key) "
    "if t.err then e = 'NOPERM this user may not ask for its TYPE' "
    "elseif t.ok ~= 'stream' and t.ok ~= 'none' then "
    "e = 'WRONGTYPE it is a ' .. t.ok .. ', not a stream' end "
    "end "
    "if e then refuse(k, e) end "
    "end "
    "if #bad > 1 then return bad end "
    "local a = 4 + #KEYS - n_src "
    "local own, acks = {}, {} "
    "for s = 1, n_src do "
    "local mine, count = {}, tonumber(ARGV[a + 3]) "
    "if count > 0 then "
    "local rows = redis.pcall('XPENDING', KEYS[s], group, ARGV[a + 1], ARGV[a + 2], "
    "count * 2 + 100, me) "
    "if rows.err then "
    "if not string.find(rows.err, 'NOGROUP') then return fail(rows.err) end "
    "else for i = 1, #rows do mine[rows[i][1]] = true end end "
    "end "
    "own[s] = mine acks[s] = {} "
    "a = a + 3 "
    "end "
    "local out, lost = {'OK'}, {} "
    "for e = 1, n do "
    "local s, id = tonumber(ARGV[a + 1]), ARGV[a + 2] "
    "a = a + 2 "
    "if not own[s][id] then "
    "local row = redis.pcall('XPENDING', KEYS[s], group, id, id, 1)[1] "
    "if not row or row[2] ~= me then "
    "lost[e] = true out[#out + 1] = e out[#out + 1] = row and row[2] or '' end "
    "end "
    "if not lost[e] then local ids = acks[s] ids[#ids + 1] = id end "
    "end "
    "local limit, most = {}, {} "
    "for k = n_src + 1, #KEYS do "
    "local word = ARGV[4 + k - n_src] "
    "if word ~= '' then limit[k] = string.sub(word, 1, 1) most[k] = string.sub(word, "
    "2) "
    "end end "
    "local added, n_added = {}, 0 "
    "for e = 1, n do "
    "a = a + 1 "
    "for o = 1, tonumber(ARGV[a]) do "
    "local k, words = tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2]) "
    "if not lost[e] then "
    "local key, r = KEYS[k], nil "
    "if not limit[k] then "
    "r = redis.pcall('XADD', key, '*', unpack(ARGV, a + 3, a + 2 + words)) "
    "elseif limit[k] == '~' then "
    "r = redis.pcall('XADD', key, 'MAXLEN', '~', most[k], '*', "
    "unpack(ARGV, a + 3, a + 2 + words)) "
    "else "
    "r = redis.pcall('XADD', key, 'MAXLEN', most[k], '*', "
    "unpack(ARGV, a + 3, a + 2 + words)) "
    "end "
    "if type(r) ~= 'string' then "
    "for i = 1, n_added, 2 do redis.pcall('XDEL', added[i], added[i + 1]) end "
    "return fail(r.err) end "
    "added[n_added + 1] = key added[n_added + 2] = r n_added = n_added + 2 "
    "end "
    "a = a + 2 + words "
    "end "
    "end "
    "for s = 1, n_src do if #acks[s] > 0 then "
    "redis.call('XACK', KEYS[s], group, unpack(acks[s])) end end "
    "return out";

/* -- gathering ----------------------------------------------------------------------------- */

void weir_redis_batch_begin(weir_redis_batch *batch, const char *const *streams,
                            size_t n_streams)
{
    batch->streams = streams;
    batch->n_streams = n_streams;
    batch->n = batch->n_keys = batch->next_key = 0;
    batch->bytes = 0;
    batch->n_args = 0;
    batch->max_value = WEIR_REDIS_VALUE_MAX;
}

const weir_out *weir_redis_batch_large(const weir_redis_batch *batch,
                                       const weir_settle_item *item)
{
    for (const weir_out *out = item->outs; out != NULL; out = out->next) {
        size_t most = out->data.len > out->key.len ? out->data.len : out->key.len;

        for (size_t i = 0; i < out->n_headers; i++) {
            const weir_header *header = &out->headers[i];
            const size_t name = strlen(header->name) + 2; /* it may be escaped */

            most = name > most ? name : most;
            most = header->value.len > most ? header->value.len : most;
        }
        if (most > batch->max_value) {
            return out;
        }
    }
    return NULL;
}

size_t weir_redis_batch_key(const weir_redis_batch *batch, const void *target)
{
    for (size_t i = 0; i < batch->n_keys; i++) {
        const size_t at = (batch->next_key + i) % batch->n_keys;

        if (batch->keys[at].target == target) {
            return at;
        }
    }
    return SIZE_MAX;
}

/* False: there are too many. */
static bool script_add_key(weir_redis_batch *batch, weir_redis_key key)
{
    if (batch->n_keys == WEIR_REDIS_BATCH_KEYS) {
        return false;
    }
    batch->next_key = batch->n_keys;
    batch->keys[batch->n_keys++] = key;
    return true;
}

static bool script_add_target(weir_redis_batch *batch, const void *target)
{
    const weir_redis_key key = { .name = weir_redis_target_stream(target),
                                 .limit = weir_redis_target_limit(target),
                                 .target = target };

    return weir_redis_batch_key(batch, target) != SIZE_MAX ||
           script_add_key(batch, key);
}

weir_status weir_redis_batch_add(weir_redis_batch *batch, weir_settle_item *item)
{
    const size_t n_keys = batch->n_keys;
    const size_t next_key = batch->next_key;
    size_t n_args = 3; /* stream, id, number of outputs */
    size_t bytes = 64;

    for (const weir_out *out = item->outs; out != NULL; out = out->next) {
        const size_t n_fields = weir_redis_entry_n_fields(out);

        n_args += 2 + n_fields;
        bytes += weir_redis_entry_size(out, WEIR_SLICE_NONE);
        if (n_fields > WEIR_REDIS_BATCH_FIELDS) {
            return WEIR_EINVAL;
        }
    }
    if (bytes > batch->max_value && weir_redis_batch_large(batch, item) != NULL) {
        return WEIR_ETOOLARGE;
    }
    if (batch->n == WEIR_REDIS_BATCH_ITEMS ||
        (batch->n > 0 && batch->bytes + bytes > WEIR_REDIS_BATCH_BYTES)) {
        return WEIR_EFULL;
    }
    for (const weir_out *out = item->outs; out != NULL; out = out->next) {
        if (!script_add_target(batch, out->target)) {
            batch->n_keys = n_keys;
            batch->next_key = next_key;
            return batch->n > 0 ? WEIR_EFULL : WEIR_EINVAL;
        }
    }
    batch->items[batch->n++] = item;
    batch->n_args += n_args;
    batch->bytes += bytes;
    return WEIR_OK;
}

/* -- the command --------------------------------------------------------------------------- */

static void script_put_number(weir_buf *out, uint64_t n)
{
    char text[24];
    const int len = snprintf(text, sizeof(text), "%" PRIu64, n);

    weir_redis_put(out, (weir_slice){ text, (size_t)len });
}

static void script_put_id(weir_buf *out, weir_pos pos)
{
    char text[WEIR_REDIS_ID_MAX];
    const size_t len = weir_redis_id_format(pos, text);

    weir_redis_put(out, (weir_slice){ text, len });
}

/* "", "=1000" or "~1000". */
static void script_put_limit(weir_buf *out, weir_redis_limit limit)
{
    char text[32] = "";

    if (limit.is_set) {
        (void)snprintf(text, sizeof(text), "%c%" PRIu64, limit.is_approx ? '~' : '=',
                       limit.n);
    }
    weir_redis_put(out, weir_slice_of(text));
}

/* Lowest and highest id, and number, of the entries of each stream that is read. */
static void script_put_ranges(const weir_redis_batch *batch, weir_buf *out)
{
    for (size_t s = 0; s < batch->n_streams; s++) {
        weir_pos low = { UINT64_MAX, UINT64_MAX };
        weir_pos high = { 0, 0 };
        size_t n = 0;

        for (size_t i = 0; i < batch->n; i++) {
            const weir_receipt *receipt = &batch->items[i]->receipt;

            if (receipt->part != s) {
                continue;
            }
            low = weir_pos_cmp(receipt->pos, low) < 0 ? receipt->pos : low;
            high = weir_pos_cmp(receipt->pos, high) > 0 ? receipt->pos : high;
            n++;
        }
        script_put_id(out, low);
        script_put_id(out, high);
        script_put_number(out, n);
    }
}

static void script_put_outputs(const weir_redis_batch *batch,
                               const weir_settle_item *item, weir_buf *out)
{
    size_t n = 0;

    for (const weir_out *at = item->outs; at != NULL; at = at->next) {
        n++;
    }
    script_put_number(out, n);
    for (const weir_out *at = item->outs; at != NULL; at = at->next) {
        const size_t key = weir_redis_batch_key(batch, at->target);

        script_put_number(out, batch->n_streams + key + 1);
        script_put_number(out, weir_redis_entry_n_fields(at));
        weir_redis_entry_fields(at, out);
    }
}

bool weir_redis_batch_write(const weir_redis_batch *batch, const char *group,
                            const char *consumer, weir_buf *out)
{
    const size_t n_keys = batch->n_streams + batch->n_keys;

    weir_redis_put_count(out, 3 + n_keys + 4 + batch->n_keys + batch->n_streams * 3 +
                                  batch->n_args);
    weir_redis_put(out, WEIR_SLICE_LIT("EVAL"));
    weir_redis_put(out, WEIR_SLICE_LIT(script_text));
    script_put_number(out, n_keys);
    for (size_t i = 0; i < batch->n_streams; i++) {
        weir_redis_put(out, weir_slice_of(batch->streams[i]));
    }
    for (size_t i = 0; i < batch->n_keys; i++) {
        weir_redis_put(out, batch->keys[i].name);
    }
    weir_redis_put(out, weir_slice_of(group));
    weir_redis_put(out, weir_slice_of(consumer));
    script_put_number(out, batch->n_streams);
    script_put_number(out, batch->n);
    for (size_t i = 0; i < batch->n_keys; i++) {
        script_put_limit(out, batch->keys[i].limit);
    }
    script_put_ranges(batch, out);
    for (size_t i = 0; i < batch->n; i++) {
        script_put_number(out, batch->items[i]->receipt.part + UINT64_C(1));
        script_put_id(out, batch->items[i]->receipt.pos);
    }
    for (size_t i = 0; i < batch->n; i++) {
        script_put_outputs(batch, batch->items[i], out);
    }
    return !out->has_failed;
}

/* -- the answer ---------------------------------------------------------------------------- */

static weir_status script_read_error(const weir_redis_val *answer,
                                     weir_redis_verdict *out)
{
    out->st = weir_redis_error_status(answer);
    out->text = answer->text.data;
    out->is_unnamed = out->st == WEIR_EDENIED;
    if (weir_redis_is_error(answer, "CROSSSLOT")) {
        out->st = WEIR_EDENIED;
        out->text = "exactly_once on a cluster needs all its streams in one slot: give "
                    "`from`, `to` and `dead` the same {tag} in their names";
    } else if (out->st == WEIR_EINVAL || out->st == WEIR_OK) {
        out->st = WEIR_EIO;
    }
    return WEIR_OK;
}

/* One of the pairs behind the first word; false: no known shape. */
static bool script_read_pair(const weir_redis_batch *batch, bool is_ok, int64_t index,
                             weir_slice text, weir_redis_verdict *out)
{
    const size_t at = (size_t)(index - 1);

    if (index < 1 || text.data == NULL) {
        return false;
    }
    if (is_ok) {
        if (at >= batch->n) {
            return false;
        }
        out->fates[at] = text.len == 0 ? WEIR_REDIS_FATE_NONE : WEIR_REDIS_FATE_OTHER;
        return true;
    }
    if (at >= batch->n_streams + batch->n_keys) {
        return false;
    }
    out->text = text.data;
    if (at < batch->n_streams) {
        out->bad_source = batch->streams[at];
    } else {
        out->bad[at - batch->n_streams] = text.data;
    }
    return true;
}

weir_status weir_redis_batch_read(const weir_redis_batch *batch,
                                  const weir_redis_val *answer, weir_redis_verdict *out)
{
    const weir_slice word = weir_redis_text(weir_redis_at(answer, 0));
    const bool is_ok = word.data != NULL && weir_slice_is(word, "OK");

    memset(out->fates, WEIR_REDIS_FATE_DONE, batch->n);
    memset(out->bad, 0, batch->n_keys * sizeof(out->bad[0]));
    out->bad_source = NULL;
    out->text = NULL;
    out->is_unnamed = false;
    if (answer->type == WEIR_REDIS_ERROR) {
        return script_read_error(answer, out);
    }
    out->st = is_ok ? WEIR_OK : WEIR_EDENIED;
    if (!is_ok && (word.data == NULL || !weir_slice_is(word, "KEY"))) {
        return WEIR_EDATA;
    }
    for (size_t i = 1; i + 1 < answer->n; i += 2) {
        int64_t index = 0;

        if (!weir_redis_int(weir_redis_at(answer, i), &index) ||
            !script_read_pair(batch, is_ok, index,
                              weir_redis_text(weir_redis_at(answer, i + 1)), out)) {
            return WEIR_EDATA;
        }
    }
    return WEIR_OK;
}

/* -- proof --------------------------------------------------------------------------------- */

/* The first thing that a proof found wrong. *is_unnamed: a key that the server did not name. */
static weir_status script_judge(const weir_redis_batch *batch,
                                const weir_redis_val *answer, bool *is_unnamed,
                                weir_err *err)
{
    weir_redis_verdict *verdict = malloc(sizeof(*verdict));
    weir_status st;

    if (verdict == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "redis: out of memory");
    }
    st = weir_redis_batch_read(batch, answer, verdict);
    *is_unnamed = st == WEIR_OK && verdict->is_unnamed;
    if (st != WEIR_OK) {
        st = weir_fail(err, st, "redis: the script answered in an unknown shape");
    } else if (verdict->st != WEIR_OK) {
        const char *name = verdict->bad_source;

        for (size_t i = 0; name == NULL && i < batch->n_keys; i++) {
            name = verdict->bad[i] == NULL && batch->n_keys > 1
                       ? NULL
                       : batch->keys[i].name.data;
        }
        st = weir_fail(err, verdict->st, "%s%s%s", name == NULL ? "" : name,
                       name == NULL ? "" : ": ", verdict->text);
    }
    free(verdict);
    return st;
}

/* Runs the script for that batch without entries. */
static weir_status script_ask(weir_redis_conn *conn, const weir_redis_batch *batch,
                              const char *group, int64_t until_us, bool *is_unnamed,
                              weir_err *err)
{
    weir_redis_reply *reply = NULL;
    weir_buf command = { .data = NULL };
    weir_status st = WEIR_ENOMEM;

    if (weir_redis_batch_write(batch, group, "-", &command)) {
        weir_redis_conn_raw(conn, weir_buf_slice(&command));
        st = weir_redis_conn_wait(conn, until_us, &reply, err);
    } else {
        weir_fail(err, st, "redis: out of memory");
    }
    weir_buf_fini(&command);
    if (st == WEIR_OK) {
        st = script_judge(batch, reply->root, is_unnamed, err);
        weir_redis_reply_give(reply);
    }
    return st;
}

/* A batch without entries for targets[from..from+n). */
static void script_begin_proof(weir_redis_batch *batch, const weir_redis_proof *proof,
                               size_t from, size_t n)
{
    weir_redis_batch_begin(batch, proof->streams, proof->n_streams);
    for (size_t i = from; i < from + n; i++) {
        /* What has no place is proved when it is written. */
        (void)script_add_key(batch, (weir_redis_key){ .name = proof->targets[i] });
    }
}

weir_status weir_redis_script_prove(const weir_redis_queue *queue, const char *client,
                                    const weir_redis_proof *proof, int64_t until_us,
                                    weir_err *err)
{
    weir_redis_batch *batch = calloc(1, sizeof(*batch));
    weir_redis_conn *conn = NULL;
    bool is_unnamed = false;
    weir_status st;

    if (batch == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "redis: out of memory");
    }
    if ((st = weir_redis_conn_new(queue, client, -1, &conn, err)) != WEIR_OK ||
        (st = weir_redis_conn_open(conn, until_us, err)) != WEIR_OK) {
        goto out;
    }
    script_begin_proof(batch, proof, 0, proof->n_targets);
    st = script_ask(conn, batch, proof->group, until_us, &is_unnamed, err);
    for (size_t i = 0; i < proof->n_targets && is_unnamed; i++) {
        bool is_this = false;

        script_begin_proof(batch, proof, i, 1);
        if (script_ask(conn, batch, proof->group, until_us, &is_this, err) != WEIR_OK) {
            break; /* err names it now */
        }
    }
out:
    weir_redis_conn_free(conn);
    free(batch);
    return st;
}
