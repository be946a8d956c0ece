#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""Functions that end their worker, on a real Kafka: see crashkit."""

from brokerkit import Kit, kafka
from crashkit import Kafka, all_of_it

kit = Kit()
broker = kafka(kit)
all_of_it(kit, Kafka(kit, broker))
broker.close()
kit.end()
