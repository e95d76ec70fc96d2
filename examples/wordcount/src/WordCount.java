import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.lib.NumberSequenceSource;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * A word count that knows its own right answer, so that a lost or a doubled record shows.
 *
 * <p>numbers 0, 1, 2, ... -> word of n -> keyed count of that word -> report. The n-th number is the word n % 100, so
 * its count must be n / 100 + 1. The last operator, "report", keeps in its state how many records it has seen and how
 * many had a wrong count, and shows both as gauges, and for how long no record came when it was stopped and started again.
 *
 * <p>The same source compiles and runs on Flink 1.17 to 2.3: state and gauges are made in initializeState, because the
 * signature of RichFunction.open changed in between.
 */
public final class WordCount {
    private static final int WORDS = 100;
    private static final Set<String> OPTIONS =
            Set.of("--name", "--rate", "--checkpoint-interval", "--stop-after", "--fail-after");

    private WordCount() {}

    public static void main(String[] args) throws Exception {
        Map<String, String> options = parse(args);
        if (options.containsKey("--fail-in-main")) {
            throw new IllegalStateException("main was asked to fail");
        }
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        enableCheckpoints(env, options.get("--checkpoint-interval"));
        long stopAfter = Long.parseLong(options.getOrDefault("--stop-after", String.valueOf(Long.MAX_VALUE)));
        long failAfter = Long.parseLong(options.getOrDefault("--fail-after", String.valueOf(Long.MAX_VALUE)));
        double rate = Double.parseDouble(options.getOrDefault("--rate", "100"));

        // Source and throttle have parallelism 1, so that the numbers stay in order; the count has the job's.
        env.fromSource(new NumberSequenceSource(0, stopAfter - 1), WatermarkStrategy.noWatermarks(), "numbers")
                .uid("numbers")
                .setParallelism(1)
                .map(new Words(rate, failAfter))
                .name("words")
                .uid("words")
                .setParallelism(1)
                .keyBy(numbered -> numbered.f0, Types.STRING)
                .map(new Count())
                .name("count")
                .uid("count")
                .map(new Report())
                .name("report")
                .uid("report")
                .setParallelism(1)
                .disableChaining();
        env.execute(options.getOrDefault("--name", "wordcount"));
    }

    /** Options come as pairs; only --fail-in-main stands alone. */
    private static Map<String, String> parse(String[] args) {
        Map<String, String> options = new HashMap<>();
        for (int i = 0; i < args.length; i++) {
            if (args[i].equals("--fail-in-main")) {
                options.put(args[i], "");
            } else if (OPTIONS.contains(args[i]) && i + 1 < args.length) {
                options.put(args[i], args[++i]);
            } else {
                throw new IllegalArgumentException("unknown option or no value: " + args[i]);
            }
        }
        return options;
    }

    /** The option wins (0 leaves everything to the configuration), then the configuration, then one second. */
    private static void enableCheckpoints(StreamExecutionEnvironment env, String option) {
        boolean configured = env.getCheckpointConfig().isCheckpointingEnabled();
        long interval = option != null ? Long.parseLong(option) : configured ? 0 : 1000;
        if (interval > 0) {
            env.enableCheckpointing(interval);
        }
    }

    /** Gives each number its word, at about {@code rate} records a second. */
    public static final class Words extends RichMapFunction<Long, Tuple2<String, Long>> {
        private static final long serialVersionUID = 1L;
        private static final long MAKE_UP = 100_000_000; // nanoseconds
        private final long pause; // nanoseconds between two records
        private final long failAfter; // records since the start of this attempt
        private transient long due;
        private transient long seen;

        Words(double rate, long failAfter) {
            this.pause = (long) (1e9 / rate);
            this.failAfter = failAfter;
        }

        @Override
        public Tuple2<String, Long> map(Long n) throws InterruptedException {
            if (seen++ == failAfter) {
                throw new IllegalStateException("failed as asked, after " + failAfter + " records");
            }
            await();
            return Tuple2.of("word-" + n % WORDS, n);
        }

        private void await() throws InterruptedException {
            long now = System.nanoTime();
            // Only a little lost time is made up for: after back-pressure the rate is still a limit.
            due = seen == 1 || due < now - MAKE_UP ? now : due + pause;
            long left = due - now;
            if (left > 0) {
                Thread.sleep(left / 1_000_000, (int) (left % 1_000_000));
            }
        }
    }

    /** Counts each word; gives (n, count so far). */
    public static final class Count extends RichMapFunction<Tuple2<String, Long>, Tuple2<Long, Long>>
            implements CheckpointedFunction {
        private static final long serialVersionUID = 1L;
        private transient ValueState<Long> count;

        @Override
        public Tuple2<Long, Long> map(Tuple2<String, Long> numbered) throws Exception {
            Long before = count.value();
            long now = before == null ? 1 : before + 1;
            count.update(now);
            return Tuple2.of(numbered.f1, now);
        }

        @Override
        public void initializeState(FunctionInitializationContext context) {
            count = context.getKeyedStateStore().getState(new ValueStateDescriptor<>("count", Types.LONG));
        }

        @Override
        public void snapshotState(FunctionSnapshotContext context) {}
    }

    /** Checks each count and shows what it saw: the gauges total, errors, highest, restored and pause. */
    public static final class Report extends RichMapFunction<Tuple2<Long, Long>, Long>
            implements CheckpointedFunction {
        private static final long serialVersionUID = 1L;
        private transient ListState<Long> state; // total, errors, highest, latest
        // Read by the thread that reports metrics.
        private transient volatile long total;
        private transient volatile long errors;
        private transient volatile long highest;
        private transient volatile long restored; // the total at the restore, -1 when started empty
        private transient volatile long pause; // ms between its last record and the first one now, -1 before that
        private transient long latest; // when the last record came, 0 for never

        @Override
        public Long map(Tuple2<Long, Long> counted) {
            long now = System.currentTimeMillis();
            if (pause < 0 && latest > 0) {
                pause = now - latest;
            }
            latest = now;
            total = total + 1;
            highest = Math.max(highest, counted.f0);
            if (counted.f1 != counted.f0 / WORDS + 1) {
                errors = errors + 1;
            }
            return total;
        }

        @Override
        public void initializeState(FunctionInitializationContext context) throws Exception {
            state = context.getOperatorStateStore().getListState(new ListStateDescriptor<>("report", Types.LONG));
            long[] saved = {0, 0, -1, 0};
            int i = 0;
            for (long value : state.get()) {
                saved[i++] = value;
            }
            total = saved[0];
            errors = saved[1];
            highest = saved[2];
            latest = saved[3];
            restored = context.isRestored() ? total : -1;
            pause = -1;
            MetricGroup metrics = getRuntimeContext().getMetricGroup();
            metrics.gauge("total", (Gauge<Long>) () -> total);
            metrics.gauge("errors", (Gauge<Long>) () -> errors);
            metrics.gauge("highest", (Gauge<Long>) () -> highest);
            metrics.gauge("restored", (Gauge<Long>) () -> restored);
            metrics.gauge("pause", (Gauge<Long>) () -> pause);
        }

        @Override
        public void snapshotState(FunctionSnapshotContext context) throws Exception {
            state.update(List.of(total, errors, highest, latest));
        }
    }
}
