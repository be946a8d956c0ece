#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""Functions that end their worker, on a real Redis: see crashkit."""

from brokerkit import Kit, Server
from crashkit import Redis, all_of_it

kit = Kit()
server = Server(kit, "redis", "durable")
all_of_it(kit, Redis(kit, server))
server.close()
kit.end()
