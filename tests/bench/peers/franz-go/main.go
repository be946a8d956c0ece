// SPDX-FileCopyrightText: 2026 The weir authors
// SPDX-License-Identifier: Apache-2.0

// A consumer of franz-go: reads a topic in a group, or copies it to another.
//
// Without copies the client commits, each second, what the polls before the last have
// returned: all of it has been handled by then. With copies only marked records are
// committed, and those of a poll are marked when all their copies, and those of the polls
// before it, are confirmed.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const polledRecords = 10000
const openPolls = 4 // whose copies may be unconfirmed

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type poll struct {
	records []*kgo.Record
	copies  sync.WaitGroup
}

// markConfirmed marks poll after poll, each when its copies are there.
func markConfirmed(client *kgo.Client, polls <-chan *poll, done chan<- struct{}) {
	for p := range polls {
		p.copies.Wait()
		client.MarkCommitRecords(p.records...)
	}
	close(done)
}

func copyRecord(client *kgo.Client, to string, r *kgo.Record, p *poll) {
	p.copies.Add(1)
	client.Produce(context.Background(), &kgo.Record{Topic: to, Key: r.Key, Value: r.Value},
		func(_ *kgo.Record, err error) {
			check(err)
			p.copies.Done()
		})
}

func main() {
	v := values(os.Args[2:])
	events, to := number(v["events"]), v["to"]
	options := []kgo.Opt{
		kgo.SeedBrokers(v["address"]),
		kgo.ConsumerGroup(v["group"]),
		kgo.ConsumeTopics(v["topic"]),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.AutoCommitInterval(time.Second),
	}
	if to != "" {
		options = append(options, kgo.AutoCommitMarks())
	}
	client, err := kgo.NewClient(options...)
	check(err)
	var m meter
	polls, done := make(chan *poll, openPolls), make(chan struct{})
	go markConfirmed(client, polls, done)
	for n := 0; n < events; {
		fetches := client.PollRecords(context.Background(), polledRecords)
		for _, e := range fetches.Errors() {
			check(e.Err)
		}
		if to == "" {
			fetches.EachRecord(func(*kgo.Record) { m.event() })
		} else {
			p := &poll{records: fetches.Records()}
			for _, r := range p.records {
				m.event()
				copyRecord(client, to, r, p)
			}
			polls <- p
		}
		n = m.n
	}
	close(polls)
	<-done
	m.end()
	check(client.CommitUncommittedOffsets(context.Background()))
	client.Close()
	check(json.NewEncoder(os.Stdout).Encode(m.report()))
}

func values(words []string) map[string]string {
	found := map[string]string{}
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		found[name] = value
	}
	return found
}

func number(text string) int {
	var n int
	_, err := fmt.Sscan(text, &n)
	check(err)
	return n
}
