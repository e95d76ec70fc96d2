import java.io.DataInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;

import org.apache.flink.core.fs.FileStatus;
import org.apache.flink.core.fs.FileSystem;
import org.apache.flink.core.fs.Path;
import org.apache.flink.runtime.checkpoint.Checkpoints;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * Finds the newest savepoint of one run, or the newest checkpoint in a directory of its own, with the file systems that
 * only a JobManager has.
 *
 * <p>Arguments: the directory, the run's job id, from when on (milliseconds) it must have been written, and, if one is
 * known, the path of a savepoint that it must be newer than. The answer is the name of a job that is planned and never
 * submitted: "NUMBER MILLISECONDS PATH", or "none".
 */
public final class FindState {

    private FindState() {}

    public static void main(String[] arguments) throws Exception {
        long known = arguments.length > 3 ? number(new Path(arguments[3])) : -1;
        String found = newest(new Path(arguments[0]), arguments[1], Long.parseLong(arguments[2]), known);
        StreamExecutionEnvironment planned = StreamExecutionEnvironment.getExecutionEnvironment();
        planned.fromSequence(0, 0).print();
        planned.execute(found);
    }

    /** Flink names a savepoint after the first six digits of its run, and numbers it as one of the checkpoints. */
    private static String newest(Path directory, String run, long since, long known) throws IOException {
        FileSystem files = directory.getFileSystem();
        String prefix = "savepoint-" + run.substring(0, 6) + "-";
        long number = known;
        String answer = "none";
        for (FileStatus each : list(files, directory)) {
            Path metadata = new Path(each.getPath(), "_metadata");
            String name = each.getPath().getName();
            boolean checkpoint = name.startsWith("chk-") && directory.getName().equals(run);
            if (!(checkpoint || name.startsWith(prefix)) || !files.exists(metadata)) { // it was never complete
                continue;
            }
            long written = files.getFileStatus(metadata).getModificationTime();
            long found = written < since ? -1 : number(files, metadata);
            if (found > number) {
                number = found;
                answer = found + " " + written + " " + each.getPath();
            }
        }
        return answer;
    }

    private static FileStatus[] list(FileSystem files, Path directory) throws IOException {
        try {
            FileStatus[] found = files.listStatus(directory);
            return found == null ? new FileStatus[0] : found;
        } catch (FileNotFoundException nothingWasEverWritten) {
            return new FileStatus[0];
        }
    }

    /** Of a savepoint that may be gone, -1 then. */
    private static long number(Path savepoint) {
        Path metadata = new Path(savepoint, "_metadata");
        try {
            return number(metadata.getFileSystem(), metadata);
        } catch (IOException unreadable) {
            return -1;
        }
    }

    /** Reads all of it: what was half written is an error, which is told. */
    private static long number(FileSystem files, Path metadata) throws IOException {
        try (DataInputStream in = new DataInputStream(files.open(metadata))) {
            ClassLoader loader = FindState.class.getClassLoader();
            return Checkpoints.loadCheckpointMetadata(in, loader, metadata.toString()).getCheckpointId();
        }
    }
}
