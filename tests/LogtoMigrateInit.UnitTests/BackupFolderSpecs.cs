using LogtoMigrateInit.Backups;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.PostgreSql;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>What is kept in a folder of backups, and what is removed.</summary>
public sealed class BackupFolderSpecs : IDisposable
{
    private static readonly DateTime Noon = new(2026, 11, 26, 12, 0, 0, DateTimeKind.Utc);

    private const string Hash = "0123456789abcdef0123";

    private readonly string _path = Directory.CreateTempSubdirectory("backups-").FullName;
    private readonly BackupFolder _folder;

    public BackupFolderSpecs() => _folder = new BackupFolder(_path);

    private IEnumerable<string> Files => Directory.EnumerateFiles(_path).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal);

    [Fact]
    public void A_record_is_read_as_it_was_written()
    {
        var record = Publish(Noon);

        var read = BackupRecord.TryRead(Path.Combine(_path, record.File));

        Assert.NotNull(read);
        Assert.Equal(record.Tables, read.Tables);
        Assert.Equal(record.Catalog!.Objects, read.Catalog!.Objects);
        Assert.Equal(["1259 16402", "0 16403"], read.Catalog.NeedExtension["pg_cron"]);
        Assert.Equal(record with { Tables = [], Catalog = null }, read with { Tables = [], Catalog = null });
        Assert.Equal(7, read.Rows);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("{\"version\": 3}")]
    [InlineData("{\"version\": 1, \"file\": 3}")]
    public void A_record_that_says_something_else_is_none(string json)
    {
        var dump = Path.Combine(_path, "x.dump");
        File.WriteAllText(BackupRecord.PathOf(dump), json);

        Assert.Null(BackupRecord.TryRead(dump));
    }

    [Fact]
    public void Pruning_keeps_the_newest_by_the_servers_clock()
    {
        BackupRecord[] all = [.. new[] { 3, 1, 4, 2 }.Select(hour => Publish(Noon.AddHours(hour)))];

        var removed = _folder.Prune(all[2], keep: 2, Failed);

        Assert.Equal([all[3].File, all[1].File], removed);
        Assert.Equal(new[] { all[0], all[2] }.SelectMany(record => new[] { record.File, Path.ChangeExtension(record.File, ".json") }).Order(StringComparer.Ordinal), Files);
    }

    [Fact]
    public void Tries_of_an_upgrade_that_fails_half_way_do_not_push_out_the_backup_from_before_it()
    {
        var before = Publish(Noon, state: 1784620000);
        for (var hour = 1; hour < 6; hour++)
        {
            var halfUpgraded = Publish(Noon.AddHours(hour), state: 1786325989);

            _folder.Prune(halfUpgraded, keep: 2, Failed);

            Assert.Equal(Path.Combine(_path, before.File), _folder.BeforeUpgrade(halfUpgraded));
            Assert.Contains(halfUpgraded.File, Files);
        }

        Assert.Equal(6, Files.Count());
    }

    [Fact]
    public void What_a_rollback_drops_stays_in_the_last_backup_from_before_it()
    {
        var before = Publish(Noon, state: 1786431364);
        for (var hour = 1; hour < 6; hour++)
        {
            _folder.Prune(Publish(Noon.AddHours(hour), state: 1784620000 - hour), keep: 1, Failed);
        }

        Assert.Contains(before.File, Files);
    }

    [Theory]
    [InlineData(1784620000, 2)] // the newer of two
    [InlineData(1784620001, null)]
    [InlineData(1786431364, 3)]
    public void A_backup_of_a_release_is_the_newest_of_its_very_state(double level, int? expected)
    {
        BackupRecord[] all = [Publish(Noon), Publish(Noon.AddHours(1), cluster: "2"), Publish(Noon.AddHours(2)), Publish(Noon.AddHours(3), state: 1786431364)];

        Assert.Equal(expected is { } index ? Path.Combine(_path, all[index].File) : null, _folder.AtLevel(all[0], level)?.Path);
    }

    [Fact]
    public void After_a_rollback_the_backup_from_before_the_first_upgrade_is_not_the_way_back_of_the_second()
    {
        Publish(Noon, state: 1779421396);
        var beforeRollback = Publish(Noon.AddHours(1), state: 1786431364);
        var second = Publish(Noon.AddDays(20), state: 1779864279);

        Assert.Equal(Path.Combine(_path, second.File), _folder.BeforeUpgrade(second));
        _folder.Prune(Publish(Noon.AddDays(21), state: 1786431364), keep: 1, Failed);
        Assert.Contains(beforeRollback.File, Files);
    }

    [Fact]
    public void What_was_just_made_is_kept_even_when_another_claims_to_be_newer()
    {
        var made = Publish(Noon);
        Publish(Noon.AddYears(1));

        _folder.Prune(made, keep: 1, Failed);

        Assert.Contains(made.File, Files);
    }

    /// <summary>Two servers whose number is hidden, and a server with a copy of its data directory.</summary>
    [Theory]
    [InlineData(null, "db:5432", null, "db:5432")]
    [InlineData("1", "db:5432", "1", "staging:5432")]
    [InlineData("1", "db:5432", null, "db:5432")]
    public void A_server_that_cannot_be_told_from_another_is_not_taken_for_it(string? cluster, string server, string? otherCluster, string otherServer)
    {
        var others = Publish(Noon, otherCluster, server: otherServer);
        var latest = Publish(Noon.AddHours(1), cluster, server: server);

        Assert.Empty(_folder.Prune(latest, keep: 1, Failed));
        Assert.Equal(Path.Combine(_path, latest.File), _folder.BeforeUpgrade(latest));
        Assert.Contains(others.File, Files);
    }

    [Fact]
    public void Backups_of_another_cluster_or_database_and_files_that_are_not_ours_are_not_touched()
    {
        var made = Publish(Noon.AddHours(5));
        var others = new[] { Publish(Noon, cluster: "2"), Publish(Noon, database: "logto-other") };
        File.WriteAllText(Path.Combine(_path, "logto-logto-by-hand.dump"), "");
        var moved = Path.Combine(_path, "logto-logto-moved.dump");
        File.Copy(Path.Combine(_path, made.File), moved);
        File.Copy(Path.Combine(_path, BackupRecord.PathOf(made.File)), BackupRecord.PathOf(moved));
        var before = Files.ToArray();

        Assert.Empty(_folder.Prune(made, keep: 1, Failed));
        Assert.Equal(before, Files);
        Assert.All(others, other => Assert.Contains(other.File, Files));
    }

    [Fact]
    public void A_half_file_is_removed_unless_somebody_writes_it()
    {
        using var beingWritten = _folder.CreatePartial("logto");
        var guid = Guid.NewGuid().ToString("n");
        string[] others = [$".logto-other-{guid}.partial", $".logto-logto-x-{guid}.partial", ".logto-logto-mine.partial"];
        foreach (var file in others.Append($".logto-logto-{guid}.partial"))
        {
            File.WriteAllText(Path.Combine(_path, file), "half");
        }

        Assert.Equal([$".logto-logto-{guid}.partial"], _folder.RemovePartialFiles("logto"));

        Assert.Equal(others.Append(Path.GetFileName(beingWritten.Name)).Order(StringComparer.Ordinal), Files);
    }

    [Theory]
    [InlineData("logto", "logto-logto-1784620000-to-1.43.0-20261126T120000000Z-0123456789abcdef.dump")]
    [InlineData("../b c\n", "logto-.._b_c_-1784620000-to-1.43.0-20261126T120000000Z-0123456789abcdef.dump")]
    public void The_name_says_what_it_is_and_is_a_plain_file_name(string database, string expected) =>
        Assert.Equal(expected, BackupFolder.NameOf(database, new AlterationState(1784620000), "1.43.0", Noon, Hash));

    [Theory]
    [InlineData("logto-logto-1784620000-to-1.43.0-20261126T120000000Z-0123456789abcdef.dump", "0123456789abcdef")]
    [InlineData("/backups/logto-logto-1784620000-to-1.43.0-20261126T120000000Z-0123456789abcdef.dump", "0123456789abcdef")]
    [InlineData("logto-logto-1784620000-to-1.43.0-20261126T120000000Z.dump", null)]
    [InlineData("mine-0123456789abcdef.dump", null)]
    public void Only_the_name_of_a_backup_holds_a_hash(string name, string? expected) => Assert.Equal(expected, BackupFolder.HashIn(name));

    public void Dispose() => Directory.Delete(_path, recursive: true);

    private static void Failed(string file, string reason) => Assert.Fail($"{file}: {reason}");

    private BackupRecord Publish(
        DateTime takenAt, string? cluster = "1", string database = "logto", double state = 1784620000, string server = "db:5432")
    {
        using var dump = _folder.CreatePartial(database);
        var record = new BackupRecord
        {
            File = BackupFolder.NameOf(database, new AlterationState(state), $"{cluster}.{server}", takenAt, Hash),
            Bytes = 0,
            Sha256 = "00",
            Database = database,
            Cluster = cluster,
            Server = server,
            State = new AlterationState(state),
            Target = "1.43.0",
            TakenAt = takenAt,
            ServerVersion = 150018,
            DumpedBy = "15.18",
            Verified = "read",
            Tables = [new TableContents("public.users", 3, null), new TableContents("public.\"odd\"\"one\"", 4, "-17")],
            Catalog = new DatabaseCatalog(
                [
                    new CatalogObject("database", "", "boss", "=connect,temporary", "0123", null),
                    new CatalogObject("sequence", "public.\"odd one\"", "boss", "", null, -17),
                    new CatalogObject("table", "public.users", "boss", "*=select\nreporter=select+,insert", "4567", null),
                ],
                new Dictionary<string, IReadOnlyList<string>> { ["pg_cron"] = ["1259 16402", "0 16403"] }),
        };
        _folder.Publish(dump, record.File, record.ToJson("logto-migrate-init restore x"));
        return record;
    }
}
