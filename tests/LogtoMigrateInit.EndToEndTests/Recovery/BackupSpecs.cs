using System.Text.Json.Nodes;
using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests.Recovery;

/// <summary>One proven backup before the first alteration, by an ordinary owner with real tools.</summary>
public sealed class BackupSpecs(SharedServers servers)
{
    private const int BackupFailed = 13;

    private static CancellationToken Token => FakeWorld.Token;

    [Fact(Timeout = 900_000)]
    public async Task Ten_replicas_make_one_backup_and_the_next_start_makes_none()
    {
        await using var world = await BackupWorld.CreateAsync(servers);

        var results = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => world.RunAsync("migrate")));

        Assert.All(results, result => Expect.Ending(Expect.Success, result));
        var dump = Assert.Single(world.Dumps);
        Assert.StartsWith($"logto-{world.Database}-{FakeWorld.Before}-to-1.43.0-", dump, StringComparison.Ordinal);
        Expect.Ending(Expect.Success, await world.RunAsync("migrate"));
        Assert.Equal([dump], world.Dumps);
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 900_000)]
    public async Task A_backup_shows_one_moment_while_writes_go_on()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var writing = WriteAsync(world, stop.Token);

        // Restored and compared row for row, against figures of the same snapshot.
        var dump = await world.BackUpAsync(("LOGTO_INIT_BACKUP_VERIFY", "restore"));
        await stop.CancelAsync();
        await writing;

        var record = await BackupWorld.RecordAsync(dump);
        Assert.Equal("restore", (string?)record["verified"]);
        Assert.All(record["tables"]!.AsArray(), table => Assert.NotNull(table!["sum"]));
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 900_000)]
    [Trait("Run", "quick")]
    public async Task The_record_says_what_the_dump_holds_and_how_to_have_it_back()
    {
        await using var world = await BackupWorld.CreateAsync(servers);

        var dump = await world.BackUpAsync();

        var record = await BackupWorld.RecordAsync(dump);
        Assert.Equal(Path.GetFileName(dump), (string?)record["file"]);
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(await File.ReadAllBytesAsync(dump, Token))), (string?)record["sha256"]);
        Assert.Equal(FakeWorld.Before, (decimal)record["state"]!);
        Assert.Equal(1000, (long)record["tables"]!.AsArray().Single(table => (string?)table!["table"] == "public.users")!["rows"]!);
        Assert.Equal($"logto-migrate-init restore {dump}", (string?)record["restore"]);
        Assert.All([dump, Path.ChangeExtension(dump, ".json")], file => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file)));
    }

    [Fact(Timeout = 900_000)]
    public async Task A_backup_that_cannot_be_made_is_exit_code_13_and_nothing_is_deployed()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var noTools = Directory.CreateDirectory(Path.Combine(world.Folder, "no-tools")).FullName;

        await RefusedAsync(world, "does not exist", ("LOGTO_INIT_BACKUP_DIR", Path.Combine(world.Folder, "missing")));
        await RefusedAsync(world, "LOGTO_INIT_PG_BIN", ("LOGTO_INIT_PG_BIN", noTools));
        await world.Server.ExecuteAsync(world.Database, "create schema theirs; create table theirs.secrets (id int)", Token);
        await RefusedAsync(world, "theirs.secrets");
        await world.Server.ExecuteAsync(world.Database, "alter table theirs.secrets enable row level security; grant usage on schema theirs to public; grant select on theirs.secrets to public", Token);
        await RefusedAsync(world, "row-level security hides rows");
        await world.Server.ExecuteAsync(world.Database, $"alter table theirs.secrets owner to {world.Owner}; alter table theirs.secrets force row level security", Token);
        await RefusedAsync(world, "forced on its owner");
        await world.Server.ExecuteAsync(world.Database, "drop schema theirs cascade; select lo_create(4711)", Token);
        await RefusedAsync(world, "large object 4711");
        Assert.Empty(world.Dumps);
        await world.LeavesNothingAsync();
    }

    /// <summary>Whatever ends a run that has begun to deploy, its last line has the way back.</summary>
    [Fact(Timeout = 600_000)]
    public async Task A_lock_that_is_lost_after_the_backup_ends_with_the_command_that_restores_it()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        await using var gate = world.Start(["migrate"], ("FAKE_CLI", "hold"));
        await gate.WaitForLineAsync("1/3", cancellationToken: Token);

        await world.Server.ExecuteAsync(
            world.Database,
            "select pg_terminate_backend(l.pid) from pg_locks l where l.locktype = 'advisory' and l.database = (select oid from pg_database where datname = current_database())",
            Token);

        var result = await gate.WaitForExitAsync(cancellationToken: Token);
        Expect.Ending(6, result);
        Assert.Contains($"logto-migrate-init restore {Path.Combine(world.Folder, Assert.Single(world.Dumps))}", FakeWorld.LastLine(result), StringComparison.Ordinal);
    }

    [Fact(Timeout = 600_000)]
    public async Task A_password_that_changes_during_the_deploy_ends_with_what_was_deployed_and_the_command_that_restores()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        await using var gate = world.Start(["migrate"], ("FAKE_CLI", "hold"));
        await gate.WaitForLineAsync("1/3", cancellationToken: Token);
        await world.Server.ExecuteAsync("postgres", $"alter role {world.Owner} password 'another'", Token);

        await world.World.Cli.LetGoAsync(Token);

        var result = await gate.WaitForExitAsync(cancellationToken: Token);
        Expect.Ending(6, result);
        Assert.Contains("reported 3 of 3 alterations as deployed", FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.Contains("password authentication failed", FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.Contains($"logto-migrate-init restore {Path.Combine(world.Folder, Assert.Single(world.Dumps))}", FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.Equal(FakeWorld.After, await world.World.StateAsync());
    }

    [Fact(Timeout = 300_000)]
    [Trait("Run", "quick")]
    public async Task A_check_says_in_daylight_that_the_backup_would_fail()
    {
        await using var world = await BackupWorld.CreateAsync(servers);

        var warned = await world.RunAsync("check", ("LOGTO_INIT_BACKUP_DIR", "/nonexistent"));
        var content = await world.RunAsync("check");

        Expect.Ending(Expect.Pending, warned);
        Expect.LogContains("/nonexistent", warned);
        Expect.Ending(Expect.Pending, content);
        Assert.DoesNotContain("would fail", content.StandardError, StringComparison.Ordinal);
    }

    [Fact(Timeout = 300_000)]
    [Trait("Run", "quick")]
    public async Task A_pg_dump_older_than_the_server_is_refused()
    {
        await using var world = await BackupWorld.CreateAsync(servers, script: "[ \"$1\" = --version ] && { echo \"$NAME (PostgreSQL) 13.22\"; exit 0; }");

        await RefusedAsync(world, "13.22");
    }

    [Fact(Timeout = 300_000)]
    public async Task A_folder_that_may_not_be_written_to_is_refused()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        File.SetUnixFileMode(world.Folder, UnixFileMode.UserRead | UnixFileMode.UserExecute);

        var result = await UnprivilegedUser.RunGateAsync(world.Variables(), Token);
        File.SetUnixFileMode(world.Folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute); // so that it can be deleted

        Assert.Equal(BackupFailed, result.ExitCode);
        Assert.Contains($"may not write to {world.Folder}", result.StandardError, StringComparison.Ordinal);
        Assert.Equal(FakeWorld.Before, await world.World.StateAsync());
    }

    [Fact(Timeout = 300_000)]
    public async Task A_full_disk_leaves_no_half_file()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root can mount a small file system.");
        await using var world = await BackupWorld.CreateAsync(servers);
        await world.Server.ExecuteAsync(world.Database, "create table noise as select i, gen_random_uuid()::text || gen_random_uuid() as x from generate_series(1, 40000) i; alter table noise enable row level security; alter table noise owner to " + world.Owner, Token);
        var small = Directory.CreateDirectory(Path.Combine(world.Folder, "small")).FullName;
        await Tool.RunAsync("mount", ["-t", "tmpfs", "-o", "size=200k", "tmpfs", small], cancellationToken: Token);
        try
        {
            await RefusedAsync(world, "space", ("LOGTO_INIT_BACKUP_DIR", small));
            Assert.Empty(Directory.GetFiles(small));
        }
        finally
        {
            await Tool.RunAsync("umount", [small], cancellationToken: Token);
        }
    }

    [Fact(Timeout = 600_000)]
    [Trait("Run", "quick")]
    public async Task Backups_are_listed_with_what_they_are()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var newest = Path.GetFileName(await world.BackUpAsync());
        await File.WriteAllTextAsync(Path.Combine(world.Folder, "by-hand.dump"), "", Token);
        File.SetLastWriteTimeUtc(Path.Combine(world.Folder, "by-hand.dump"), DateTime.UnixEpoch);

        var text = await world.RunAsync("restore");
        Expect.Ending(Expect.Success, text);
        var lines = text.StandardOutput.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Matches($"^{newest}  [0-9.]+ MB  20.* UTC \\(0.0 hours ago\\), database {world.Database}, state 1779421396, before Logto 1.43.0$", lines[0]);
        Assert.Equal("by-hand.dump  0.0 MB  no record that can be read", lines[1]);
        Assert.Contains("2 backups are in", text.LastLine, StringComparison.Ordinal);

        var json = JsonNode.Parse((await world.RunAsync(["backup", "--list", "--output", "json"])).StandardOutput)!.AsArray();
        Assert.Equal((newest, FakeWorld.Before, "read"), ((string)json[0]!["file"]!, (decimal)json[0]!["state"]!, (string)json[0]!["verified"]!));
        Assert.Null(json[1]!["takenAt"]);
        Assert.Equal(2, world.Dumps.Count);

        var none = await world.RunAsync(["restore"], ("LOGTO_INIT_BACKUP_DIR", null));
        Expect.Ending(2, none);
        Assert.Contains("LOGTO_INIT_BACKUP_DIR is not set", none.LastLine, StringComparison.Ordinal);
        Expect.Ending(2, await world.RunAsync(["restore"], ("LOGTO_INIT_BACKUP_DIR", "/does/not/exist")));
        Expect.Ending(2, await world.RunAsync(["restore", "--yes"])); // as in `restore $UNSET --yes && start`
    }

    [Fact(Timeout = 600_000)]
    public async Task A_deploy_that_is_tried_again_makes_one_backup()
    {
        await using var world = await BackupWorld.CreateAsync(servers);

        Expect.Ending(Expect.Success, await world.RunAsync("migrate", ("FAKE_CLI", "too-many-connections"), ("FAKE_CLI_FAILURES", "2")));

        Assert.Equal(3, (await world.World.Cli.RunsAsync(Token)).Count);
        Assert.Single(world.Dumps);
    }

    [Fact(Timeout = 600_000)]
    public async Task A_direct_address_of_another_server_is_refused()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        await using var other = await PostgresServer.StartAsync(17, cancellationToken: Token);
        await other.CreateUserAsync(world.Owner, PostgresDatabases.OwnerPassword, "createdb createrole", Token);
        await other.ExecuteAsync("postgres", $"create database {world.Database} owner {world.Owner}", Token);

        var result = await world.RunAsync("backup", ("LOGTO_INIT_DIRECT_URL", other.Url(world.Database, world.Owner, PostgresDatabases.OwnerPassword)));

        Expect.Ending(BackupFailed, result);
        Assert.Contains("reaches another database of this name", result.LastLine, StringComparison.Ordinal);
        Assert.Empty(world.Files);
    }

    [Fact(Timeout = 600_000)]
    public async Task A_pg_dump_without_zstd_compresses_otherwise()
    {
        await using var world = await BackupWorld.CreateAsync(
            servers, script: "case $* in *compress=zstd*) echo 'pg_dump: error: this build does not support compression with Zstandard' >&2; exit 1 ;; esac");

        await world.BackUpAsync();

        Assert.Single(world.Dumps);
    }

    [Theory(Timeout = 600_000)]
    [InlineData(null)]
    [InlineData("""case $* in *snapshot*) { "$REAL" "$@" 2>&1 >&3 | sed 's/canceling statement.*/storniere Anfrage/' >&2; } 3>&1; exit 1 ;; esac""")] // the server's lc_messages
    public async Task Who_blocks_a_dump_is_named_and_the_wait_has_an_end(string? script)
    {
        await using var world = await BackupWorld.CreateAsync(servers, script: script);
        await using var blocker = await world.Server.OpenAsync(world.Database, Token);
        await using var command = new Npgsql.NpgsqlCommand("begin; lock table users", blocker);
        await command.ExecuteNonQueryAsync(Token);

        var result = await world.RunAsync("migrate", ("LOGTO_INIT_LOCK_TIMEOUT_SECONDS", "3"));

        Expect.Ending(BackupFailed, result);
        Assert.True(result.LastLine.Contains($"pid {blocker.ProcessID}", StringComparison.Ordinal), $"{result}");
        Assert.Equal(FakeWorld.Before, await world.World.StateAsync());
        Assert.Empty(world.Files);
    }

    [Theory(Timeout = 600_000)]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_run_that_is_ended_during_the_dump_leaves_nothing_that_the_next_one_does_not_remove(bool killed)
    {
        await using var world = await BackupWorld.CreateAsync(servers, script: "case $* in *snapshot*) [ -e \"$TMPDIR/go\" ] || { : > \"$TMPDIR/begun\"; exec sleep 60; } ;; esac");
        var signs = Directory.CreateTempSubdirectory("signs-").FullName;
        await using (var gate = world.Start([], ("TMPDIR", signs)))
        {
            while (!File.Exists(Path.Combine(signs, "begun")))
            {
                await Task.Delay(20, Token);
            }

            gate.Signal(killed ? Signals.Kill : Signals.Terminate);
            Assert.Equal(killed ? 137 : 143, (await gate.WaitForExitAsync(cancellationToken: Token)).ExitCode);
        }

        Assert.Equal(killed ? 1 : 0, world.Files.Count);
        await File.WriteAllTextAsync(Path.Combine(signs, "go"), "", Token);
        Expect.Ending(Expect.Success, await world.RunAsync("migrate", ("TMPDIR", signs)));
        Assert.Single(world.Dumps);
        await world.LeavesNothingAsync();
        Directory.Delete(signs, recursive: true);
    }

    [Fact(Timeout = 600_000)]
    [Trait("Run", "quick")]
    public async Task Pruning_keeps_the_newest_and_touches_nothing_that_is_not_ours()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var foreign = new[] { "notes.txt", $"logto-{world.Database}-by-hand.dump", $"logto-{world.Database}-1-to-1.0.0-20200101T000000Z.dump" };
        foreach (var name in foreign)
        {
            await File.WriteAllTextAsync(Path.Combine(world.Folder, name), "", Token);
        }

        var dumps = new List<string>();
        for (var i = 0; i < 4; i++)
        {
            dumps.Add(Path.GetFileName(await NewestAsync(world)));
        }

        Assert.Equal([.. dumps[2..]], [.. world.Dumps.Except(foreign)]);
        Assert.All(foreign, name => Assert.Contains(name, world.Files));
    }

    [Fact(Timeout = 600_000)]
    public async Task Through_a_pooler_the_address_of_the_server_itself_is_asked_for_and_used()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        await using var pooler = await PgBouncer.StartAsync(world.Server, "extra_float_digits,options,statement_timeout,idle_in_transaction_session_timeout", Token);
        var through = ("DB_URL", pooler.Url(world.Database));

        await RefusedAsync(world, "LOGTO_INIT_DIRECT_URL", through);
        await RefusedAsync(world, "LOGTO_INIT_DIRECT_URL", through, ("LOGTO_INIT_DIRECT_URL", pooler.Url(world.Database)));
        Expect.Ending(Expect.Success, await world.RunAsync("migrate", through, ("LOGTO_INIT_DIRECT_URL", world.OwnersUrl)));

        Assert.Single(world.Dumps);
        Assert.DoesNotContain("pg_catalog", await ThroughAsync(pooler, world.Database, "show search_path"), StringComparison.Ordinal);
    }

    [Fact(Timeout = 600_000)]
    [Trait("Run", "quick")]
    public async Task No_password_stands_in_an_argument_or_in_the_log()
    {
        await using var world = await BackupWorld.CreateAsync(servers, script: "printf '%s ' \"$@\" >> \"$TMPDIR/arguments\"; tr '\\0' '\\n' < /proc/self/environ >> \"$TMPDIR/environment\"");
        var signs = Directory.CreateTempSubdirectory("signs-").FullName;

        var result = await world.RunAsync("backup", ("TMPDIR", signs), ("PGSSLROOTCERT", "/etc/passwd"), ("PGSERVICE", "elsewhere"), ("PGTZ", "UTC"));

        Expect.Ending(Expect.Success, result);
        Assert.DoesNotContain(PostgresDatabases.OwnerPassword, await File.ReadAllTextAsync(Path.Combine(signs, "arguments"), Token), StringComparison.Ordinal);
        Assert.DoesNotContain(PostgresDatabases.OwnerPassword, result.StandardError, StringComparison.Ordinal);
        var environment = await File.ReadAllLinesAsync(Path.Combine(signs, "environment"), Token);
        Assert.Contains($"PGPASSWORD={PostgresDatabases.OwnerPassword}", environment);
        Assert.DoesNotContain(environment, line => line.StartsWith("DB_URL", StringComparison.Ordinal) || line.StartsWith("PGSERVICE", StringComparison.Ordinal) || line.Contains("/etc/passwd", StringComparison.Ordinal));
        Directory.Delete(signs, recursive: true);
    }

    [Fact(Timeout = 600_000)]
    public async Task The_tools_check_the_certificate_as_Logto_does_and_trust_its_authorities()
    {
        var root = TestCertificate.Issue(new CertificateTerms { Subject = "CN=Private root", Authority = true });
        var certificate = TestCertificate.Issue(new CertificateTerms { DnsNames = ["localhost"], Addresses = ["127.0.0.1"] }, root);
        using var files = await ServerCertificateFiles.WriteAsync(certificate, [], root.Pem, Token);
        await using var server = await PostgresServer.StartAsync(17, files.Settings, Token);
        await File.WriteAllTextAsync(Path.Combine(server.DataDirectory, "pg_hba.conf"), "hostssl all all all scram-sha-256\n", Token);
        await server.RestartAsync(files.Settings, Token);
        await using var world = await BackupWorld.CreateAsync(Task.FromResult(server), "case $* in *snapshot*) echo \"$PGSSLMODE\" >> \"$TMPDIR/modes\" ;; esac");
        var signs = Directory.CreateTempSubdirectory("signs-").FullName;
        (string, string?)[] trusting = [("NODE_EXTRA_CA_CERTS", files.AuthorityFile), ("TMPDIR", signs), ("DB_URL", $"{world.OwnersUrl}?sslmode=require"), ("HOME", "/nonexistent")];

        var dump = await world.BackUpAsync(trusting);
        Expect.Ending(Expect.Success, await world.RunAsync(["restore", dump, "--yes"], trusting));
        await world.BackUpAsync(("TMPDIR", signs), ("DB_URL", $"{world.OwnersUrl}?sslmode=no-verify"));
        await world.BackUpAsync(("TMPDIR", signs), ("DB_URL", $"{world.OwnersUrl}?sslmode=require"), ("NODE_TLS_REJECT_UNAUTHORIZED", "0"));

        Assert.Equal(["verify-full", "require", "require"], await File.ReadAllLinesAsync(Path.Combine(signs, "modes"), Token));
        Directory.Delete(signs, recursive: true);
    }

    [Fact(Timeout = 600_000)]
    public async Task Nothing_is_backed_up_when_nothing_is_pending_and_before_a_seed()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        Expect.Ending(Expect.Success, await world.RunAsync("migrate", ("LOGTO_INIT_BACKUP_DIR", null)));

        Expect.Ending(Expect.Success, await world.RunAsync("migrate", ("LOGTO_INIT_PG_BIN", "/nonexistent")));
        var empty = await world.Server.CreateDatabaseAsync(cancellationToken: Token);
        Expect.Ending(Expect.Empty, await world.RunAsync("backup", ("DB_URL", world.Server.Url(empty))));

        Assert.Empty(world.Files);
    }

    private static async Task<string> NewestAsync(BackupWorld world)
    {
        var before = world.Dumps;
        Expect.Ending(Expect.Success, await world.RunAsync("backup", ("LOGTO_INIT_BACKUP_KEEP", "2")));
        return world.Dumps.Except(before).Single();
    }

    private static async Task RefusedAsync(BackupWorld world, string because, params (string Name, string? Value)[] more)
    {
        var result = await world.RunAsync("migrate", more);
        Expect.Ending(BackupFailed, result);
        Assert.Contains(because, result.LastLine, StringComparison.Ordinal);
        Assert.Equal(FakeWorld.Before, await world.World.StateAsync());
        Assert.Empty(await world.World.Cli.RunsAsync(Token));
    }

    private static async Task WriteAsync(BackupWorld world, CancellationToken stop)
    {
        for (var i = 0; !stop.IsCancellationRequested; i++)
        {
            await world.Server.ExecuteAsync(world.Database, $"insert into users values ('new{i}'); delete from users where id = 'user{i}'; update systems set value = value where key = 'alterationState'", Token);
        }
    }

    private static async Task<string> ThroughAsync(PgBouncer pooler, string database, string sql)
    {
        await using var connection = new Npgsql.NpgsqlConnection(new Npgsql.NpgsqlConnectionStringBuilder
        {
            Host = "127.0.0.1",
            Port = pooler.Port,
            Username = PostgresServer.Superuser,
            Password = PostgresServer.Password,
            Database = database,
            Pooling = false,
        }.ConnectionString);
        await connection.OpenAsync(Token);
        await using var command = new Npgsql.NpgsqlCommand(sql, connection);
        return (string)(await command.ExecuteScalarAsync(Token))!;
    }
}
