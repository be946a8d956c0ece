/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place - see place.h.
 */
#include "worker/app/place.h"

#include "worker/app/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_MAX 16384

weir_status weir_dev_publish(const weir_config *cfg, const char *text, int *fd,
                             weir_err *err)
{
    char dir[512], path[512];

    weir_state_path(cfg, "", dir, sizeof(dir));
    weir_state_path(cfg, "dev.queues", path, sizeof(path));
    if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
        return weir_fail(err, WEIR_EIO, "state_dir %s: %s", dir, strerror(errno));
    }
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*fd < 0) {
        return weir_fail(err, WEIR_EIO, "%s: %s", path, strerror(errno));
    }
    if (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
        close(*fd);
        return weir_fail(err, WEIR_EAGAIN,
                         "another `weir dev` runs on this file already");
    }
    size_t len = strlen(text);
    if (ftruncate(*fd, 0) != 0 || pwrite(*fd, text, len, 0) != (ssize_t)len) {
        close(*fd);
        return weir_fail(err, WEIR_EIO, "%s: %s", path, strerror(errno));
    }
    return WEIR_OK;
}

static weir_status dev_adapt_line(weir_config *cfg, char *line, size_t *n,
                                  weir_err *err)
{
    char *space = strchr(line, ' ');

    if (space == NULL) {
        return WEIR_OK;
    }
    *space = '\0';
    for (size_t i = 0; i < cfg->n_queues; i++) {
        const weir_config_queue *queue = &cfg->queues[i];
        if (strcmp(queue->name, line) == 0 && queue->type->embed != NULL) {
            if (!queue->type->embed->adapt(queue->opts, space + 1)) {
                return weir_fail(err, WEIR_ENOMEM, "out of memory");
            }
            (*n)++;
        }
    }
    return WEIR_OK;
}

weir_status weir_dev_adapt(weir_config *cfg, size_t *n, weir_err *err)
{
    char path[512], text[STATE_MAX];
    char *save = NULL;
    weir_status st = WEIR_OK;

    *n = 0;
    weir_state_path(cfg, "dev.queues", path, sizeof(path));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return WEIR_OK;
    }
    bool is_held = flock(fd, LOCK_SH | LOCK_NB) != 0;
    ssize_t len = is_held ? pread(fd, text, sizeof(text) - 1, 0) : 0;
    close(fd);
    text[len > 0 ? len : 0] = '\0';
    for (char *line = strtok_r(text, "\n", &save); line != NULL && st == WEIR_OK;
         line = strtok_r(NULL, "\n", &save)) {
        st = dev_adapt_line(cfg, line, n, err);
    }
    return st;
}

int weir_place_open(const weir_cli *cli, const char *address, weir_config **out,
                    weir_place *place)
{
    weir_config *cfg = NULL;
    weir_err err = { 0 };
    size_t n_dev = 0;

    if (weir_address_parse(address, &place->at, &err) != WEIR_OK) {
        return weir_cli_usage(cli, "%s", err.text);
    }
    int code = weir_cli_load(cli, false, &cfg);
    if (code != WEIR_EXIT_OK) {
        return code;
    }
    place->queue = weir_config_queue_find(cfg, place->at.queue);
    if (place->queue == NULL) {
        code =
            weir_cli_fail(WEIR_EXIT_USAGE, "%s: there is no `%s` under `queues:` of %s",
                          address, place->at.queue, cfg->path);
        goto out;
    }
    const char *wrong = place->queue->type->topic_wrong(place->at.topic);
    if (wrong != NULL) {
        code = weir_cli_fail(WEIR_EXIT_USAGE, "%s: %s", address, wrong);
        goto out;
    }
    if (weir_cli_get(cli, "live") == NULL) {
        weir_status st = weir_dev_adapt(cfg, &n_dev, &err);
        if (st != WEIR_OK) {
            code = weir_cli_fail(weir_exit_of(st), "%s", err.text);
            goto out;
        }
    }
    if (n_dev > 0) {
        fprintf(stderr,
                "weir: `weir dev` is running: using its queues (--live for yours)\n");
    }
    *out = cfg;
    return WEIR_EXIT_OK;
out:
    weir_config_free(cfg);
    return code;
}
