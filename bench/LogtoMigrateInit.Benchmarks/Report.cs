using System.Globalization;
using System.Text;
using LogtoMigrateInit.Reporting;

namespace LogtoMigrateInit.Benchmarks;

/// <summary>The results for a reader, in Markdown.</summary>
internal sealed class Report(Results results)
{
    private readonly StringBuilder _text = new();

    public static string Full(Results results)
    {
        var report = new Report(results);
        report.Write();
        return report._text.ToString();
    }

    private void Write()
    {
        var machine = results.Machine;
        Line("# Size, memory and time");
        Line();
        Line("Written by `bench/run.sh`, which measures everything by turns in one run on one machine, and shows medians with their quartiles. The machine is small and shared: compare the ratios, not the milliseconds.");
        Line();
        Line($"{machine.Date}, commit {machine.Commit ?? "not recorded"}, {machine.Cores} cores ({machine.Processor}), Linux {machine.Kernel}, PostgreSQL {machine.PostgreSql} on loopback with SCRAM, Node.js {machine.Node}, Logto 1.43.0.{(results.Quick ? " **A quick run: it shows that the benchmark works, and no more.**" : "")}");
        Line();
        Line("## What was to be reached");
        Table(["", "wanted", "measured", ""], results.Targets.Select(target => new[] { target.Name, target.Wanted, target.Measured, target.Met ? "met" : "**not met**" }));
        Line("## Nothing pending");
        Line();
        Line("![Wall time and memory of those that are compared](chart.svg)");
        NothingPending();
        Line("`psql` is the executable itself with this program's own query, `sslmode=disable`; through TLS it does not check the certificate, which the program does. `dbmate` and `node-pg-migrate` have as many applied migrations as Logto ships alterations, in a database of their own. Memory is that of the largest process, CPU time that of all. Round trips are without TCP's handshake; those after authentication cannot be told through TLS. On disk: the program or the npm packages with Node.js and all they depend on, without the system's libraries.");
        Line();
        Line("OpenSSL takes 33 of the program's 67 million instructions, nearly all for the 4,096 hashes of SCRAM; 8 unpack the program's own types (`valgrind --tool=callgrind`, counted by hand before `repair` existed). The server takes the rest of the wall time: it starts a process for every connection, and reads its catalogue afresh.");
        Line();
        Pending();
        Waiting();
        Backup();
        Growth();
        Rehearsal();
        SizeMap();
    }

    private void Rehearsal()
    {
        const int Longest = 10;
        if (results.Rehearsal is not { } rehearsal)
        {
            return;
        }

        Line("## What a rehearsal foretells");
        Line();
        Line($"Measured by `bench/run.sh --rehearsal` ({rehearsal.Date}): a database of {Number(rehearsal.Megabytes, "#,##0")} MB (tables without their indexes; users, their sessions and tokens, and ten log entries for each) at the level of {rehearsal.From}, rehearsed with all rows on PostgreSQL {rehearsal.Server} and then deployed. Each time is from one line of Logto's CLI to the next, what it does outside of transactions included; on the copy it includes the trace, some 40 ms for each alteration. The copy took {Number(rehearsal.CopySeconds, "0.0")} s.");
        Table(
            ["alteration", "rehearsed", "real"],
            rehearsal.Alterations.OrderByDescending(alteration => alteration.RealSeconds).Take(Longest)
                .Select(alteration => new[] { alteration.Name, $"{Number(alteration.RehearsedSeconds, "0.00")} s", $"{Number(alteration.RealSeconds, "0.00")} s" })
                .Append([$"the {rehearsal.Alterations.Count - Longest} others together", $"{Number(Others(rehearsal, alteration => alteration.RehearsedSeconds), "0.00")} s", $"{Number(Others(rehearsal, alteration => alteration.RealSeconds), "0.00")} s"])
                .Append(["all", $"{Number(rehearsal.RehearsedSeconds, "0.00")} s", $"{Number(rehearsal.RealSeconds, "0.00")} s"]));

        if (rehearsal.OfSchema is { } schema)
        {
            Line($"What a rehearsal of the schema (`LOGTO_INIT_REHEARSE=schema`) costs before a deploy of {schema.Alterations} alterations, by turns:");
            Line();
            Table(
                ["this program", "with the rehearsal", "the rehearsal adds", "Logto's CLI alone"],
                [[Milliseconds(schema.Gate.WallMs), Milliseconds(schema.Rehearsed.WallMs), $"{Number(schema.AddedMs, "#,##0")} ms", Milliseconds(schema.Cli.WallMs)]]);
        }

        static double Others(RehearsalCost rehearsal, Func<RehearsedTime, double> seconds) => rehearsal.Alterations.OrderByDescending(alteration => alteration.RealSeconds).Skip(Longest).Sum(seconds);
    }

    private void NothingPending()
    {
        var gate = results.Row(Benchmarks.NothingPending.Gate).Cost;
        Table(
            ["nothing pending", "wall", "× this", "CPU", "× this", "peak memory", "on disk", "round trips", "after authentication", "bytes sent", "received"],
            results.NothingPending.Select(row => (string[])
            [
                row.Name, Milliseconds(row.Cost.WallMs), Ratio(row.Cost.WallMs, gate.WallMs), Milliseconds(row.Cost.CpuMs), Ratio(row.Cost.CpuMs, gate.CpuMs),
                $"{Number(row.Cost.PeakMb.Median, "0.0")} MB", row.DiskBytes is { } bytes ? $"{Number(bytes / 1e6, "0.0")} MB" : "", $"{row.Traffic?.RoundTrips}",
                $"{row.Traffic?.AfterAuthentication}", $"{row.Traffic?.Sent}", $"{row.Traffic?.Received}",
            ]));
    }

    private void Pending()
    {
        Line("## Alterations pending");
        Table(
            ["alterations", "this program", "Logto's CLI alone", "`npm run alteration deploy next`", "the program adds"],
            results.Pending.Select(row => new[]
            {
                $"{row.Alterations}", Milliseconds(row.Gate.WallMs), Milliseconds(row.Cli.WallMs), Milliseconds(row.NpmRun.WallMs),
                $"{Number(row.AddedMs, "0")} ms ({Number(100 * row.AddedMs / row.Cli.WallMs.Median, "0.0")} %)",
            }));
        Line("Where the CLI's own time goes:");
        Table(["", "wall", "CPU"], results.CliSteps.Select(step => new[] { step.Name, Milliseconds(step.Cost.WallMs), Milliseconds(step.Cost.CpuMs) })
            .Concat(results.Pending.Select(row => new[] { $"{row.Alterations} alterations (`deploy next`)", Milliseconds(row.Cli.WallMs), Milliseconds(row.Cli.CpuMs) })));
        Line("""
            Most of it is Node.js finding and linking some 1,300 small files; compiling them is a tenth, waiting for the database a thirtieth (`node --cpu-prof`). So what could the program save?

            - A compile cache in the image saves what its row shows, on Node.js 22.1 or later. `NODE_COMPILE_CACHE` reaches the CLI when it is set for the program. The image does not come with one: it would be 5.5 MB larger for what happens once a release.
            - Starting Node.js before the last look would overlap its own start (the first row) with some 20 ms of looking. It would then have to be told its environment later, and be killed when there turns out to be nothing to do. Not done.
            - While a replica waits for the lock, there is nothing to start: it will pass without a CLI.
            - The CLI copies every alteration of the image at every run; only Logto can change that.
            """);
        Line();
    }

    private void Waiting()
    {
        var waiting = results.Waiting;
        Line("## Waiting");
        Table(["", "Q1", "median", "Q3", "longest"],
        [
            Spread("from \"ready to accept connections\" to the end of the program", waiting.AfterServerMs, " ms"),
            Spread($"from the end of the migrating replica to that of the median of {waiting.Replicas} waiting ones", waiting.MedianOfReplicasMs, " ms"),
            Spread($"to that of the last of {waiting.Replicas}", waiting.LastOfReplicasMs, " ms"),
            Spread($"connections a second while {waiting.Replicas} wait", waiting.SessionsPerSecond, ""),
        ]);
        Line("A replica that waits keeps its connection and polls about once a second, while more than half of the connections are free. Without a kept connection its pause is half of the time that it has waited, from one second to one minute.");
        Line();
        Line("## Replicas that wait");
        Line();
        Line("Measured by `bench/run.sh --herd` when it is newer than the rest. Started at once with 22 alterations pending and Logto's own CLI, on a server with `max_connections = 100` that shares the cores with all of them, as an ordinary owner. \"First looks\" is how long as many take when nothing is pending.");
        Line();
        Line("![The deploy and the last replica against the number of replicas](herd.svg)");
        Table(
            ["", "replicas", "first looks", "deploy", "the last one after it", "connections a second", "server CPU"],
            results.Herd.Select(row => new[]
            {
                row.Binary, $"{row.Replicas}", $"{Number(row.FirstLooksMs, "#,##0")} ms", row.DeployMs is { } deploy ? $"{Number(deploy, "#,##0")} ms" : "not ended after 100 s",
                row.LastAfterMs is { } last ? $"{Number(last, "#,##0")} ms" : "", row.ConnectionsPerSecond is { } rate ? Number(rate, "0") : "", $"{Number(row.ServerCpuMs, "#,##0")} ms",
            }));
    }

    private void Backup()
    {
        if (results.Backup is not { } backup)
        {
            return;
        }

        Line("## Backup");
        Line();
        Line($"Measured by `bench/run.sh --backup` when it is newer than the rest ({backup.Date}). The smallest database is as Logto seeds it; the others have users, and ten log entries for each, besides. Their size is that of the tables without the indexes. `pg_dump --format=custom` writes a file and nothing else; `backup` runs the same one, unpacks what comes out of it, counts the rows in its snapshot, and reads the file again.");
        foreach (var release in backup.Releases)
        {
            Line();
            Line($"### `pg_dump` {release.Tools}, server {release.Server}");
            Table(
                ["database", "rows", "", "wall", "`backup` takes", "CPU", "CPU of the server", "file"],
                release.Rows.SelectMany(row => row.Ways.Select(way => new[]
                {
                    Size(row), $"{row.Rows:N0}", way.Name, Milliseconds(way.Cost.WallMs), way == row.Gate ? "" : $"{Number(way.GateRatio.Median, "0.00")} × ({Number(way.GateRatio.Q1, "0.00")}–{Number(way.GateRatio.Q3, "0.00")})",
                    Milliseconds(way.Cost.CpuMs), Milliseconds(way.ServerCpuMs), $"{Number(way.FileMb, "#,##0.0")} MB",
                })));
            Table(
                ["peak memory", "this program", "its largest tool", "all at one moment", "`pg_dump` alone"],
                release.Rows.Select(row => new[] { Size(row) }.Concat(
                    new[] { row.Gate.Memory.OwnMb, row.Gate.Memory.ChildMb, row.Gate.Memory.TogetherMb, row.Same.Memory.TogetherMb }.Select(sample => $"{Number(sample.Median, "0.0")} MB")).ToArray()));
            Table(
                [$"with the {Size(release.Largest)}", "wall", "CPU"],
                [
                    ["`backup` with `LOGTO_INIT_BACKUP_VERIFY=restore`", Milliseconds(release.VerifiedByRestore.WallMs), Milliseconds(release.VerifiedByRestore.CpuMs)],
                    ["`restore FILE --yes`", Milliseconds(release.Restore.WallMs), Milliseconds(release.Restore.CpuMs)],
                    .. release.RestoreBefore is { } before ? new[] { new[] { "the same before backups had a catalog", Milliseconds(before.WallMs), Milliseconds(before.CpuMs) } } : [],
                ]);
            if (release.Records is { } records)
            {
                Table(
                    ["tables, most without rows", "`backup`", "`pg_dump` alone", "longer by", "record", "dump", "record / dump"],
                    records.Select(row => new[]
                    {
                        $"{row.Tables:N0}", Milliseconds(row.Backup.WallMs), Milliseconds(row.Dump.WallMs), $"{Number(row.Backup.WallMs.Median - row.Dump.WallMs.Median, "#,##0")} ms",
                        $"{Number(row.RecordKb, "#,##0")} kB", $"{Number(row.DumpKb, "#,##0")} kB", $"{Number(100 * row.RecordKb / row.DumpKb, "0.0")} %",
                    }));
            }
        }

        static string Size(BackupRow row) => row.Megabytes < 1 ? "as seeded" : $"{Number(row.Megabytes, "#,##0")} MB";
    }

    private void Growth()
    {
        Line("## Growth, nothing pending");
        Sizes("alterations shipped", "`ls -U`", results.Alterations);
        Sizes("tables", "psql", results.Tables);
        Sizes("latency in ms", "psql", results.Latency);
        Table(
            ["replicas at once", "until the last has passed", "divided by their number", "one of them", "psql: until the last"],
            results.Replicas.Select(row => new[] { $"{row.Replicas}", Milliseconds(row.LastMs), $"{Number(row.EachMs, "0.0")} ms", Milliseconds(row.OneMs), Milliseconds(row.FloorMs) }));
        Line("[What the commands need in a container](sizes.md) is a page of its own.");
        Line();
        Line("Reading the folder bounds the first table: `ls -U` of it takes as long as the program takes longer. The latency is added by a proxy to every answer, but not to TCP's handshake.");
        Line();
    }

    private void SizeMap()
    {
        Line("## Size");
        Line();
        Line($"{results.Size.Binary:N0} bytes, {results.Size.Compressed:N0} with gzip. As the compiler counts (`IlcGenerateMstatFile`); what is generic counts where it is defined:");
        Table(["part", "kB", "without it, a reader would have"], results.Size.Rows.Select(row => new[] { row.Name, Number(row.Bytes / 1e3, "#,##0"), row.Without }));
    }

    private void Sizes(string what, string floor, IReadOnlyList<ScaleRow> rows) => Table(
        [what, "this program", "CPU", "memory", floor],
        rows.Select(row => new[]
        {
            $"{row.Size:N0}", Milliseconds(row.Gate.WallMs), Milliseconds(row.Gate.CpuMs), $"{Number(row.Gate.PeakMb.Median, "0.0")} MB", Milliseconds(row.Floor.WallMs),
        }));

    private void Table(string[] head, IEnumerable<string[]> rows)
    {
        Line();
        Line($"| {string.Join(" | ", head)} |");
        Line($"|{string.Concat(Enumerable.Repeat("---|", head.Length))}");
        foreach (var row in rows)
        {
            Line($"| {string.Join(" | ", row)} |");
        }

        Line();
    }

    private void Line(string text = "") => _text.Append(text).Append('\n');

    private static string[] Spread(string name, Quartiles sample, string unit) =>
        [name, Number(sample.Q1, "0") + unit, Number(sample.Median, "0") + unit, Number(sample.Q3, "0") + unit, Number(sample.Max, "0") + unit];

    private static string Milliseconds(Quartiles sample) =>
        $"{Number(sample.Median, "#,##0")} ms ({Number(sample.Q1, "#,##0")}–{Number(sample.Q3, "#,##0")})";

    private static string Ratio(Quartiles sample, Quartiles one) => Number(sample.Median / one.Median, "0.0");

    private static string Number(double number, string format) => number.ToString(format, CultureInfo.InvariantCulture);
}
