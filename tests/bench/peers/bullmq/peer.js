// SPDX-FileCopyrightText: 2026 The weir authors
// SPDX-License-Identifier: Apache-2.0
//
// A queue of BullMQ: `add` puts jobs of 100 bytes into it, `work` does them with a function that
// does nothing. A finished job is removed, which is the least that it can keep.

'use strict';

const fs = require('node:fs');
const { Queue, Worker } = require('bullmq');

const CONCURRENCY = 100;
const BULK = 1000;

const [, , part, , ...words] = process.argv;
const values = Object.fromEntries(words.map((word) => word.split('=')));
const events = Number(values.events);
const [host, port] = values.address.split(':');
const connection = { host, port: Number(port), maxRetriesPerRequest: null };

async function add() {
    const queue = new Queue(values.group, { connection });
    const payload = 'x'.repeat(100);
    for (let n = 0; n < events; n += BULK) {
        const count = Math.min(BULK, events - n);
        await queue.addBulk(Array.from({ length: count }, (_, i) => ({
            name: 'event', data: { key: `key-${(n + i) % 1000}`, payload },
        })));
    }
    await queue.close();
}

function peakKiB() {
    return Number(/VmHWM:\s+(\d+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1]);
}

async function work() {
    let n = 0;
    let first;
    let firstCpu;
    const options = { connection, concurrency: CONCURRENCY, removeOnComplete: { count: 0 }, autorun: false };
    const worker = new Worker(values.group, async () => {
        if (first === undefined) {
            first = process.hrtime.bigint();
            firstCpu = process.cpuUsage();
        }
    }, options);
    const done = new Promise((resolve, reject) => {
        worker.on('completed', () => {
            if (++n === events) {
                resolve();
            }
        });
        worker.on('failed', (_, error) => reject(error));
        worker.on('error', reject);
    });
    worker.run();
    await done;
    const last = process.hrtime.bigint();
    const cpu = process.cpuUsage(firstCpu);
    await worker.close();
    console.log(JSON.stringify({
        events: n, first_ns: Number(first), last_ns: Number(last), cpu_ns: (cpu.user + cpu.system) * 1000,
        peak_kib: peakKiB(),
    }));
}

(part === 'add' ? add() : work()).catch((error) => {
    console.error(error);
    process.exit(1);
});
