// SPDX-FileCopyrightText: 2026 The weir authors
// SPDX-License-Identifier: Apache-2.0

import com.sun.management.OperatingSystemMXBean;
import io.confluent.parallelconsumer.ParallelConsumerOptions;
import io.confluent.parallelconsumer.ParallelConsumerOptions.CommitMode;
import io.confluent.parallelconsumer.ParallelConsumerOptions.ProcessingOrder;
import io.confluent.parallelconsumer.ParallelStreamProcessor;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * A function on Confluent's Parallel Consumer: it returns at once, waits for work_ms, or sends a
 * copy and waits until it is confirmed. Offsets are committed periodically, of what is done.
 */
public final class Peer {
    private static final int DEFAULT_CONCURRENCY = 16; // that of the library
    private static final int COPY_CONCURRENCY = 1000; // a thread waits for each confirmation

    private final Map<String, String> values;
    private final long events;
    private final AtomicLong begun = new AtomicLong();
    private final AtomicLong ended = new AtomicLong();
    private final CountDownLatch done = new CountDownLatch(1);
    private final OperatingSystemMXBean system =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    private volatile long firstNs;
    private volatile long firstCpu;
    private volatile long lastNs;
    private volatile long lastCpu;

    private Peer(Map<String, String> values) {
        this.values = values;
        this.events = Long.parseLong(values.get("events"));
    }

    private void first() {
        if (begun.getAndIncrement() == 0) {
            firstNs = System.nanoTime();
            firstCpu = system.getProcessCpuTime();
        }
    }

    private void last() {
        if (ended.incrementAndGet() == events) {
            lastNs = System.nanoTime();
            lastCpu = system.getProcessCpuTime();
            done.countDown();
        }
    }

    private static void sleep(long ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    private KafkaConsumer<byte[], byte[]> consumer() {
        return new KafkaConsumer<>(Map.of(
                "bootstrap.servers", values.get("address"),
                "group.id", values.get("group"),
                "auto.offset.reset", "earliest",
                "enable.auto.commit", "false",
                "key.deserializer", ByteArrayDeserializer.class.getName(),
                "value.deserializer", ByteArrayDeserializer.class.getName()));
    }

    private KafkaProducer<byte[], byte[]> producer() {
        return new KafkaProducer<>(Map.of(
                "bootstrap.servers", values.get("address"),
                "key.serializer", ByteArraySerializer.class.getName(),
                "value.serializer", ByteArraySerializer.class.getName()));
    }

    private void run() throws Exception {
        final String to = values.get("to");
        final long workMs = Long.parseLong(values.getOrDefault("work_ms", "0"));
        final int concurrency = Integer.parseInt(values.getOrDefault("concurrency",
                String.valueOf(to != null ? COPY_CONCURRENCY : DEFAULT_CONCURRENCY)));
        final ProcessingOrder order = switch (values.get("order")) {
            case "key" -> ProcessingOrder.KEY;
            case "partition" -> ProcessingOrder.PARTITION;
            default -> ProcessingOrder.UNORDERED;
        };
        final var options = ParallelConsumerOptions.<byte[], byte[]>builder()
                .consumer(consumer())
                .ordering(order)
                .maxConcurrency(concurrency)
                .commitMode(CommitMode.PERIODIC_CONSUMER_ASYNCHRONOUS);
        if (to != null) {
            options.producer(producer());
        }
        final var processor = ParallelStreamProcessor.createEosStreamProcessor(options.build());
        processor.subscribe(List.of(values.get("topic")));
        if (to != null) {
            processor.pollAndProduce(context -> {
                first();
                return new ProducerRecord<>(to, context.key(), context.value());
            }, result -> last());
        } else {
            processor.poll(context -> {
                first();
                if (workMs > 0) {
                    sleep(workMs);
                }
                last();
            });
        }
        done.await();
        final long peak = peakKib();
        System.out.printf("{\"events\": %d, \"first_ns\": %d, \"last_ns\": %d, \"cpu_ns\": %d, \"peak_kib\": %d}%n",
                events, firstNs, lastNs, lastCpu - firstCpu, peak);
        processor.closeDontDrainFirst();
    }

    private static long peakKib() throws Exception {
        for (final String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmHWM:")) {
                return Long.parseLong(line.replaceAll("\\D", ""));
            }
        }
        return 0;
    }

    public static void main(String[] args) throws Exception {
        final Map<String, String> values = new HashMap<>();
        for (int i = 1; i < args.length; i++) {
            final String[] parts = args[i].split("=", 2);
            values.put(parts[0], parts[1]);
        }
        new Peer(values).run();
        System.exit(0);
    }
}
