using System.Globalization;
using LogtoMigrateInit.CommandLine;
using LogtoMigrateInit.Fixtures;

namespace LogtoMigrateInit.Benchmarks;

/// <summary>Peaks of resident memory, in megabytes.</summary>
/// <param name="OwnMb">Of the program alone.</param>
/// <param name="ChildMb">Of its largest child; zero when it has none.</param>
/// <param name="TogetherMb">Of all of them at one moment.</param>
internal sealed record MemoryApart(Quartiles OwnMb, Quartiles ChildMb, Quartiles TogetherMb)
{
    public static MemoryApart Of(IReadOnlyCollection<Run> runs) => new(
        Quartiles.Of(runs.Select(run => run.OwnPeakKb / 1000.0)), Quartiles.Of(runs.Select(run => run.ChildPeakKb / 1000.0)), Quartiles.Of(runs.Select(run => run.TogetherPeakKb / 1000.0)));
}

/// <summary>One way to have a database in a file.</summary>
/// <param name="Name">As the table shows it.</param>
/// <param name="Cost">What it took.</param>
/// <param name="ServerCpuMs">The server's user and system time.</param>
/// <param name="Memory">Of it and its children.</param>
/// <param name="FileMb">How large the file is, in megabytes.</param>
/// <param name="GateRatio">How many times as long the gate took in the same round.</param>
internal sealed record BackupWay(string Name, Cost Cost, Quartiles ServerCpuMs, MemoryApart Memory, double FileMb, Quartiles GateRatio);

/// <summary>Backups of one database.</summary>
/// <param name="Megabytes">Of its tables, without their indexes.</param>
/// <param name="Rows">In all of them.</param>
/// <param name="Ways">The gate, <c>pg_dump</c> that packs as the gate has it pack, and, where that is something else, <c>pg_dump</c> as it is.</param>
internal sealed record BackupRow(double Megabytes, long Rows, IReadOnlyList<BackupWay> Ways)
{
    public BackupWay Gate => Ways[0];

    /// <summary>What the gate runs itself, without the gate.</summary>
    public BackupWay Same => Ways[1];

    /// <summary>What somebody would type instead.</summary>
    public BackupWay Plain => Ways[^1];
}

/// <summary>What the record beside a backup costs when the database has this many tables.</summary>
/// <param name="Tables">In the database, with Logto's own; the others have no rows.</param>
/// <param name="Backup">The whole <c>backup</c>.</param>
/// <param name="Dump"><c>pg_dump</c> alone, which compresses as the program has it compress.</param>
/// <param name="RecordKb">The size of the record, in kilobytes.</param>
/// <param name="DumpKb">The size of the dump, in kilobytes.</param>
internal sealed record RecordRow(int Tables, Cost Backup, Cost Dump, double RecordKb, double DumpKb);

/// <summary>Backups with the tools and the server of one release.</summary>
/// <param name="Tools">As <c>pg_dump --version</c> says it.</param>
/// <param name="Server">Of PostgreSQL.</param>
/// <param name="Rows">A database as it is seeded, and the same one filled more and more.</param>
/// <param name="VerifiedByRestore">A backup of the largest one that is restored into a scratch database, and compared.</param>
/// <param name="Restore">The largest one restored in the place of itself.</param>
internal sealed record BackupRelease(string Tools, string Server, IReadOnlyList<BackupRow> Rows, Cost VerifiedByRestore, Cost Restore)
{
    /// <summary>The same restore by an older build of the program; null when none was given.</summary>
    public Cost? RestoreBefore { get; init; }

    /// <summary>What the record costs; null in results that are older than this measurement.</summary>
    public IReadOnlyList<RecordRow>? Records { get; init; }

    public BackupRow Largest => Rows[^1];

    public BackupRow Smaller => Rows[^2];

    /// <summary>The memory of the gate itself, as a multiple of what it is with fewer rows.</summary>
    public double MemoryGrowth => Largest.Gate.Memory.OwnMb.Median / Smaller.Gate.Memory.OwnMb.Median;
}

/// <summary>What backups cost.</summary>
/// <param name="Date">When it was measured.</param>
/// <param name="Releases">With tools that pack with zstd, and with older ones.</param>
internal sealed record BackupCost(string Date, IReadOnlyList<BackupRelease> Releases);

/// <summary>Measures a <see cref="BackupRelease"/> with real <c>pg_dump</c> and <c>pg_restore</c>.</summary>
internal sealed class BackupBench
{
    public const int UsualMegabytes = 1024;

    private const int QuickMegabytes = 20;
    private const string Database = "logto"; // a restore wants the same name, and this server has no other
    private const string Owner = "logto_owner";
    private const string RivalsFile = "rival.dump";
    private const string Program = "`backup`";

    private readonly Field _field;
    private readonly PostgresServer _server;
    private readonly string _folder;
    private readonly IReadOnlyList<(string Name, string[] Compression)> _rivals;
    private readonly Dictionary<string, double> _fileMb = [];
    private string _rival = ""; // who ran last
    private double _recordKb;

    private BackupBench(Field field, PostgresServer server, IReadOnlyList<(string Name, string[] Compression)> rivals) =>
        (_field, _server, _folder, _rivals) = (field, server, field.NewDirectory(), rivals);

    private string Url => _server.Url(Database, Owner, PostgresDatabases.OwnerPassword);

    private string Tools => PostgresClients.For(_server.Major);

    /// <param name="field">How thorough; its server and its database stay as they are.</param>
    /// <param name="megabytes">The size of the large database; a quick run has a small one.</param>
    public static async Task<BackupCost> MeasureAsync(Field field, int megabytes = UsualMegabytes) => new(
        DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        [
            await MeasureAsync(field, 17, megabytes, [("`pg_dump --compress=zstd:1`", ["--compress=zstd:1"]), ("`pg_dump`", [])]),
            await MeasureAsync(field, 15, megabytes, [("`pg_dump --compress=1`", ["--compress=1"]), ("`pg_dump`", [])]),
        ]);

    private static async Task<BackupRelease> MeasureAsync(Field field, int major, int megabytes, IReadOnlyList<(string Name, string[] Compression)> rivals)
    {
        // Where it counts, the server waits for the disk: a restore would be too fast otherwise. The locks are for pg_dump with 7,000 tables.
        await using var server = await PostgresServer.StartAsync(
            major, new Dictionary<string, string> { ["fsync"] = field.Quick ? "off" : "on", ["full_page_writes"] = "on", ["max_wal_size"] = "4GB", ["autovacuum"] = "off", ["max_locks_per_transaction"] = "512" });
        await server.CreateUserAsync(Owner, PostgresDatabases.OwnerPassword, "createdb createrole");
        await server.CreateDatabaseAsync(Database, owner: Owner);
        var bench = new BackupBench(field, server, rivals);
        await LogtoRelease.Newest.SeedAsync(bench.Url);
        var records = await bench.MeasureRecordsAsync(field.Quick ? [70, 700] : [70, 700, 7_000], rivals[0].Compression);
        var rows = new List<BackupRow> { await bench.CompareAsync(field.Rounds(9)) };
        foreach (var size in field.Quick ? [QuickMegabytes] : new[] { megabytes / 10, megabytes })
        {
            await LogtoData.FillAsync(server, Database, size);
            rows.Add(await bench.CompareAsync(field.Rounds(7)));
        }

        var (verified, restored, restoredBefore) = await bench.RestoreAsync(field.Rounds(3));
        var version = (await Tool.RunAsync(Path.Combine(bench.Tools, "pg_dump"), ["--version"])).StandardOutput.Trim();
        return new BackupRelease(
            version[(version.LastIndexOf("(PostgreSQL) ", StringComparison.Ordinal) + "(PostgreSQL) ".Length)..], await server.QuerySingleAsync<string>("postgres", "show server_version"), rows, verified, restored)
        {
            RestoreBefore = restoredBefore,
            Records = records,
        };
    }

    private async Task<BackupRow> CompareAsync(int rounds)
    {
        var runs = await Rival.RunByTurnsAsync(
            [
                new Rival(Program, () => Task.FromResult(PrepareBackup("read"))),
                .. _rivals.Select(rival => new Rival(rival.Name, () => Task.FromResult(PrepareDump(rival.Name, rival.Compression)))),
            ],
            rounds);
        Clear();
        var (rows, megabytes) = await LogtoData.MeasureAsync(_server, Database);
        return new BackupRow(
            megabytes, rows,
            [
                .. runs.Select(way => new BackupWay(
                    way.Key, Cost.Of(way.Value), Quartiles.Of(way.Value.Select(run => run.ServerCpuMs)), MemoryApart.Of(way.Value), _fileMb[way.Key],
                    Quartiles.Of(runs[Program].Zip(way.Value, (gate, other) => gate.WallMs / other.WallMs)))),
            ]);
    }

    private async Task<IReadOnlyList<RecordRow>> MeasureRecordsAsync(int[] sizes, string[] compression)
    {
        var rows = new List<RecordRow>();
        foreach (var tables in sizes)
        {
            await _server.ExecuteAsync(Database, Scale.AddTables(tables));
            var runs = await Rival.RunByTurnsAsync(
                [
                    new Rival(Program, () => Task.FromResult(PrepareBackup("read"))),
                    new Rival("pg_dump", () => Task.FromResult(PrepareDump("pg_dump", compression))),
                ],
                _field.Rounds(5));
            Clear();
            rows.Add(new RecordRow(tables, Cost.Of(runs[Program]), Cost.Of(runs["pg_dump"]), _recordKb, _fileMb[Program] * 1e3));
        }

        await _server.ExecuteAsync(Database, Scale.DropAddedTables);
        return rows;
    }

    private async Task<(Cost Verified, Cost Restored, Cost? RestoredBefore)> RestoreAsync(int rounds)
    {
        var verified = new List<Run>();
        var restored = new Dictionary<string, List<Run>> { [Repository.Binary] = [] };
        if (Field.Before is { } before)
        {
            restored[before] = [];
        }

        for (var round = 0; round < rounds; round++)
        {
            verified.Add(await Rival.RunAsync(PrepareBackup("restore")));
            foreach (var (binary, runs) in restored) // each restores what it has written: an older build cannot read a newer record
            {
                await Rival.RunAsync(PrepareBackup("read") with { Program = binary });
                runs.Add(await Rival.RunAsync(RunProgram(["restore", Directory.GetFiles(_folder, "*.dump").Single(), "--yes"]) with { Program = binary }));
                foreach (var former in await _server.QueryAsync<string>("postgres", $"select datname from pg_database where datname like '{Database}\\_before\\_%'"))
                {
                    await _server.ExecuteAsync("postgres", $"drop database {PostgresDatabases.Quote(former)}");
                }
            }
        }

        return (Cost.Of(verified), Cost.Of(restored[Repository.Binary]), Field.Before is { } older ? Cost.Of(restored[older]) : null);
    }

    private Invocation PrepareDump(string name, string[] compression)
    {
        Clear();
        _rival = name;
        return new Invocation(
            Path.Combine(Tools, "pg_dump"), ["--format=custom", .. compression, $"--file={Path.Combine(_folder, RivalsFile)}", $"--dbname={Url}?sslmode=disable"], new Dictionary<string, string?>())
        {
            MemoryApart = true,
            Server = _server,
        };
    }

    private Invocation PrepareBackup(string verify)
    {
        Clear();
        return RunProgram(["backup"], ("LOGTO_INIT_BACKUP_VERIFY", verify));
    }

    private Invocation RunProgram(string[] arguments, params (string Name, string Value)[] more) =>
        _field.Gate(Url, null, [("LOGTO_INIT_PG_BIN", Tools), ("LOGTO_INIT_BACKUP_DIR", _folder), .. more]) with { Arguments = arguments, MemoryApart = true, Server = _server };

    /// <summary>Removes what the last run has left, and remembers how large it was.</summary>
    private void Clear()
    {
        foreach (var file in new DirectoryInfo(_folder).GetFiles())
        {
            if (file.Extension == ".dump")
            {
                _fileMb[file.Name == RivalsFile ? _rival : Program] = file.Length / 1e6;
            }

            if (file.Extension == ".json")
            {
                _recordKb = file.Length / 1e3;
            }

            file.Delete();
        }
    }
}
