/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core_files - a process that has read secrets leaves no core file.
 *
 * Passwords and keys are copied by the client libraries and by OpenSSL, events lie everywhere:
 * a core file cannot be kept clean of them, so there is none.
 *
 * Threads: any.
 */
#ifndef WEIR_APP_CORE_FILES_H
#define WEIR_APP_CORE_FILES_H

/*
 * From now on a crash leaves no core file, whatever handles them, and other processes of the
 * same user cannot read this one's memory. Programs that it starts are as before, but for the
 * limit, which they may raise again.
 */
void weir_core_files_off(void);

#endif
