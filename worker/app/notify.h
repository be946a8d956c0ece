/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify - tells the service manager how we are (sd_notify's protocol, without its library).
 *
 * Threads: any.
 */
#ifndef WEIR_APP_NOTIFY_H
#define WEIR_APP_NOTIFY_H

/* "READY=1", "STOPPING=1", "RELOADING=1". Nothing happens without NOTIFY_SOCKET. */
void weir_notify(const char *state);

#endif
