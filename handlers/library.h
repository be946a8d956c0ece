/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * library - functions in shared objects.
 *
 * A library is loaded with all its symbols bound at once and none of them given to others. It
 * is never unloaded: its threads and exit handlers may outlive the last call. Several entries
 * under `functions:` may name one library; it is in the process once, and so are its own
 * global variables, while init, state and fini belong to each entry.
 *
 * Where the file is looked for:
 *     /opt/fn/libcharge.so   as it stands
 *     ./libcharge.so         from the folder of the configuration
 *     libcharge.so           in the folder of the configuration, else as the loader searches
 */
#ifndef WEIR_HANDLERS_LIBRARY_H
#define WEIR_HANDLERS_LIBRARY_H

#include "handlers/host.h"

/* An entry under `functions:` with a library; filled by weir_library_rows. */
typedef struct weir_library_opts {
    char *library;
    char *symbol;     /* NULL: the name of the entry */
    char *config;     /* as JSON text; NULL: none */
    weir_opt_map env; /* see env.h */
} weir_library_opts;

extern const weir_opt weir_library_rows[];

/* weir_host_setup.opts is a weir_library_opts, which must live until close. */
extern const weir_host_ops weir_library_host;

#endif
