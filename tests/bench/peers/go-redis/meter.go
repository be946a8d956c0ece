// SPDX-FileCopyrightText: 2026 The weir authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// A meter counts events, and takes time and processor time from the first to end().
type meter struct {
	n                 int
	first, last       time.Time
	firstCPU, usedCPU int64
}

func cpuNanoseconds() int64 {
	var use syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &use))
	return use.Utime.Nano() + use.Stime.Nano()
}

func (m *meter) event() {
	if m.n == 0 {
		m.first, m.firstCPU = time.Now(), cpuNanoseconds()
	}
	m.n++
}

func (m *meter) end() {
	m.last = time.Now()
	m.usedCPU = cpuNanoseconds() - m.firstCPU
}

func (m *meter) report() map[string]int64 {
	return map[string]int64{"events": int64(m.n), "first_ns": 0, "last_ns": m.last.Sub(m.first).Nanoseconds(),
		"cpu_ns": m.usedCPU, "peak_kib": peakKiB()}
}

func peakKiB() int64 {
	status, err := os.Open("/proc/self/status")
	check(err)
	defer status.Close()
	var kib int64
	for lines := bufio.NewScanner(status); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "VmHWM:") {
			_, err = fmt.Sscan(strings.TrimPrefix(lines.Text(), "VmHWM:"), &kib)
			check(err)
		}
	}
	return kib
}
