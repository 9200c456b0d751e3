// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of time in /proc: USER_HZ is 100 wherever Go runs.
const tick = 10 * time.Millisecond

// Others runs f and returns the share of one processor that processes other than
// this one and its children used meanwhile, or the hypervisor for other machines.
// It is 0 where that cannot be told.
func Others(f func()) float64 {
	own, busy := ownTime(), busyTime()
	began := time.Now()
	f()
	elapsed := time.Since(began)
	if busy < 0 || elapsed <= 0 {
		return 0
	}
	others := busyTime() - busy - (ownTime() - own)
	return max(0, float64(others)/float64(elapsed))
}

// busyTime is for how long all processors together were not idle. It is negative
// if that cannot be told.
func busyTime() time.Duration {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return -1
	}
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line) // cpu user nice system idle iowait irq softirq steal ...
	if len(fields) < 9 || fields[0] != "cpu" {
		return -1
	}
	var ticks int64
	for i, field := range fields[1:9] {
		if n, err := strconv.ParseInt(field, 10, 64); err == nil && i != 3 && i != 4 {
			ticks += n
		}
	}
	return time.Duration(ticks) * tick
}

// ownTime is for how long this process and those that it started ran.
func ownTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano()+usage.Stime.Nano()) + descendantsTime(os.Getpid())
}

// A process is what /proc says of one.
type process struct {
	parent int
	ran    time.Duration
}

// descendantsTime is for how long the processes ran that are below one.
func descendantsTime(root int) (total time.Duration) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	processes := make(map[int]process)
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			if p, ok := readProcess(pid); ok {
				processes[pid] = p
			}
		}
	}
	for pid, p := range processes {
		if pid != root && descends(processes, pid, root) {
			total += p.ran
		}
	}
	return total
}

// descends reports whether a process is below another one.
func descends(processes map[int]process, pid, root int) bool {
	for range len(processes) { // parents that make a circle would be a lie
		if pid == root {
			return true
		}
		p, ok := processes[pid]
		if !ok {
			return false
		}
		pid = p.parent
	}
	return false
}

func readProcess(pid int) (process, bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, false
	}
	// After the name, which is in brackets and may hold anything: state, parent,
	// ..., utime (the 12th) and stime.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return process{}, false
	}
	parent, _ := strconv.Atoi(fields[1])
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return process{parent: parent, ran: time.Duration(user+system) * tick}, true
}
