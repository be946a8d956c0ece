/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main - the program.
 */
#include "worker/app/cli.h"

#include <signal.h>

int main(int argc, char **argv)
{
    /* A reader of stdout that went away is an error of write, not the end of the process. */
    signal(SIGPIPE, SIG_IGN);
    return weir_cli_main(argc, argv);
}
