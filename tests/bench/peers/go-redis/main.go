// SPDX-FileCopyrightText: 2026 The weir authors
// SPDX-License-Identifier: Apache-2.0

// A consumer of go-redis: reads a stream in a group and acknowledges what it has read, or
// copies it to another stream first.
//
// One read, then one acknowledgement for all that came with it. The copies of one read and
// their acknowledgement go together in one pipeline, copies first.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const readCount = 1000

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// settle copies the entries where it is to, and acknowledges them.
func settle(client *redis.Client, stream, group, to string, entries []redis.XMessage) {
	ctx := context.Background()
	ids := make([]string, len(entries))
	for i, entry := range entries {
		ids[i] = entry.ID
	}
	if to == "" {
		check(client.XAck(ctx, stream, group, ids...).Err())
		return
	}
	_, err := client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, entry := range entries {
			pipe.XAdd(ctx, &redis.XAddArgs{Stream: to, Values: entry.Values})
		}
		pipe.XAck(ctx, stream, group, ids...)
		return nil
	})
	check(err)
}

func main() {
	v := values(os.Args[2:])
	ctx := context.Background()
	events := number(v["events"])
	client := redis.NewClient(&redis.Options{Addr: v["address"]})
	check(client.XGroupCreate(ctx, v["stream"], v["group"], "0").Err())
	var m meter
	for m.n < events {
		answer, err := client.XReadGroup(ctx, &redis.XReadGroupArgs{Group: v["group"], Consumer: "peer",
			Streams: []string{v["stream"], ">"}, Count: readCount, Block: time.Second}).Result()
		if err == redis.Nil {
			continue
		}
		check(err)
		for _, entries := range answer {
			for range entries.Messages {
				m.event()
			}
			settle(client, v["stream"], v["group"], v["to"], entries.Messages)
		}
	}
	m.end()
	check(client.XGroupDestroy(ctx, v["stream"], v["group"]).Err())
	check(client.Close())
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
