using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests.Recovery;

/// <summary>The way back with real releases: what it keeps, what it says it loses, and what it does not begin.</summary>
public sealed partial class RollbackSpecs(SharedServers servers)
{
    private const string Level = "1.43.0";

    /// <summary>Known by the alterations of later releases; its own is not installed.</summary>
    private const string LevelOnly = "1.19.0";

    private const string People = """
        insert into users (tenant_id, id, username, primary_email, name, custom_data, is_suspended)
          select 'default', 'user' || lpad(i::text, 8, '0'), 'user' || i, 'user' || i || '@example.com', 'Person ' || i, jsonb_build_object('n', i), i % 7 = 0 from generate_series(1, 500) i;
        insert into logs (tenant_id, id, key, payload) select 'default', 'log' || lpad(i::text, 18, '0'), 'SignIn', jsonb_build_object('i', i) from generate_series(1, 1000) i;
        insert into organizations (tenant_id, id, name) select 'default', 'org' || lpad(i::text, 9, '0'), 'Organization ' || i from generate_series(1, 20) i;
        """;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory(Timeout = 1_500_000)]
    [InlineData(14, "1.42.0", 10, "")]
    [InlineData(16, "1.40.1", 22, "account_centers")]
    [InlineData(18, LevelOnly, 106, "logto_configs, roles_scopes, scopes, sign_in_experiences")]
    public async Task Back_and_up_again_all_that_both_releases_know_is_unchanged_row_for_row(int major, string version, int count, string changed)
    {
        await using var world = await RollbackWorld.CreateAsync(servers, major);
        await world.Rehearsal.ExecuteAsync(People);
        var before = await world.Rehearsal.RowsAsync();

        var back = await world.RollBackAsync(version, "--yes");

        Expect.Ending(Expect.Success, back);
        var after = await world.Rehearsal.RowsAsync();
        Assert.Equal(changed, string.Join(", ", Changed(before, after)));
        Assert.All(changed.Split(", ", StringSplitOptions.RemoveEmptyEntries), table => Assert.Matches($"lost|rows of {table}: ", back.StandardOutput));
        Assert.Contains($"all {count} alterations can be reverted", back.StandardOutput, StringComparison.Ordinal);
        var state = await world.StateAsync();
        Assert.Contains($"LOGTO_INIT_AHEAD={state}", back.StandardError, StringComparison.Ordinal);
        await TheOlderGateStartsAsync(world, version, state);

        Expect.Ending(Expect.Success, await world.RunAsync(["migrate"]));
        Expect.Ending(Expect.Success, await world.RunAsync(["check", "--drift"]));
        var again = await world.Rehearsal.RowsAsync();
        Assert.All(Changed(before, again), table => Assert.Contains(Facts(back, "lost"), loss => loss.Contains(table, StringComparison.Ordinal)));
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 1_200_000)]
    [Trait("Run", "quick")]
    public async Task What_is_lost_is_said_before_with_counts_and_without_a_yes_nothing_changes()
    {
        await using var world = await RollbackWorld.CreateAsync(servers, 17);
        await AddKindsAsync(world);
        var dump = await world.Rehearsal.DumpAsync();

        var refused = await world.RollBackAsync(Level);

        Expect.Ending(17, refused);
        Expect.LogContains("was not confirmed", refused);
        Assert.Equal(dump, await world.Rehearsal.DumpAsync());
        Assert.Equal(
            [
                "table badges (11 rows), by 1.44.0 a-table",
                "column users.badge (9 values, other than the default in 7 rows), by 1.44.0 a-column",
                "rows of roles: 1 gone, by 1.44.0 rows",
                "rows of users: 3 with other contents, by 1.44.0 rows",
                "what is empty, or has nothing but its default: column users.unused",
            ],
            Facts(refused, "lost"));
        Assert.Equal(["1.44.0 nothing reports success and changes nothing"], Facts(refused, "no effect"));
        Assert.Equal(5, refused.LogLines.Count(line => line.Contains("The rollback loses", StringComparison.Ordinal)));

        var blind = await world.RollBackAsync(Level, "--schema-only");
        Assert.Contains("rows of users: 3 with other contents, by 1.44.0 rows, on a copy without all rows", Facts(blind, "lost"));
        Assert.Contains("whether all other rows stay as they are: they were not compared (--schema-only)", Facts(blind, "not seen"));

        var done = await world.RollBackAsync(Level, "--yes");

        Expect.Ending(Expect.Success, done);
        Expect.LogContains("1 without effect although Logto reports success: 1.44.0-1900000004-nothing.js", done);
        Assert.Equal("f", await world.Rehearsal.Server.QuerySingleAsync<string>(world.Database, "select case when to_regclass('badges') is null then 'f' else 't' end", Token));
        Assert.True(await world.Rehearsal.Server.QuerySingleAsync<bool>(world.Database, "select to_regclass('users__made_before_down') is not null", Token));
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 900_000)]
    public async Task What_throws_on_the_rows_stops_on_the_copy_and_is_named_with_the_rows_it_works_on()
    {
        await using var world = await RollbackWorld.CreateAsync(servers, 17);
        await world.Rehearsal.ExecuteAsync("insert into users (tenant_id, id, name) select 'default', 'user' || i, repeat('x', 100) from generate_series(1, 7) i");
        await world.AddAsync(1, "harmless", "", "await run(pool, 'create table harmless (id int)');");
        await world.AddAsync(0, "narrower", "", "await run(pool, 'alter table users alter column name type varchar(16)');");
        await world.MigrateAsync();
        var dump = await world.Rehearsal.DumpAsync();

        var result = await world.RollBackAsync(Level, "--yes");

        Expect.Ending(16, result);
        Expect.LogContains("1.44.0-1900000000-narrower.js", result);
        Expect.LogContains("value too long for type character varying(16)", result);
        Expect.LogContains("it works on users (7 rows)", result);
        Assert.Contains("no: 1.44.0-1900000000-narrower.js fails", result.StandardOutput, StringComparison.Ordinal);
        Assert.Equal(dump, await world.Rehearsal.DumpAsync());
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 900_000)]
    public async Task What_one_of_Logtos_own_throws_is_passed_on()
    {
        await using var world = await RollbackWorld.CreateAsync(servers, 15);
        await world.Rehearsal.ExecuteAsync("insert into users (tenant_id, id, password_encrypted, password_encryption_method) values ('default', 'old', 'x', 'Legacy')");

        var result = await world.RollBackAsync("1.24.1", "--yes");

        Expect.Ending(16, result);
        Expect.LogContains("1.25.0-1739429593-add-legacy-password-encryption.js", result);
        Expect.LogContains("There are users with password encryption method Legacy", result);
        Assert.Equal(LogtoRelease.Newest.LastTimestamp, await world.StateAsync());
    }

    [Fact(Timeout = 900_000)]
    public async Task A_read_only_database_is_refused_before_anything_is_begun()
    {
        await using var world = await RollbackWorld.CreateAsync(servers, 17);
        await world.Rehearsal.Server.ExecuteAsync("postgres", $"alter database {world.Database} set default_transaction_read_only = on", Token);

        var result = await world.RollBackAsync("1.42.0", "--yes");

        Expect.Ending(17, result);
        Assert.Contains("read-only", result.LastLine, StringComparison.Ordinal);
        Assert.Empty(world.Dumps);
    }

    [Theory(Timeout = 900_000)]
    [InlineData("owner")]
    [InlineData("tenant")]
    public async Task A_Logto_that_still_runs_is_named_and_nothing_changes(string who)
    {
        await using var world = await RollbackWorld.CreateAsync(servers, 17);
        var (user, password) = who == "owner" ? (world.Rehearsal.Owner, PostgresDatabases.OwnerPassword) : await world.TenantAsync();
        await using var logto = await BackupWorld.OpenAsync(world.Rehearsal.Server, world.Database, user, password);

        var result = await world.RollBackAsync("1.42.0", "--yes");

        Expect.Ending(17, result);
        Expect.LogContains($"pid {logto.ProcessID} (logto, user {user}", result);
        Expect.LogContains("Next: stop these, with Logto", result);
        Assert.Empty(world.Dumps);
        Assert.Equal(LogtoRelease.Newest.LastTimestamp, await world.StateAsync());
    }

    [Fact(Timeout = 900_000)]
    public async Task A_Logto_that_starts_while_the_copy_is_made_is_seen_before_the_first_step()
    {
        await using var world = await RollbackWorld.CreateAsync(servers, 17);
        await using var gate = world.Start("1.42.0", "--yes");
        await gate.WaitForLineAsync("Rehearsing on a copy of the database", cancellationToken: Token);
        await using var logto = await BackupWorld.OpenAsync(world.Rehearsal.Server, world.Database, world.Rehearsal.Owner, PostgresDatabases.OwnerPassword);

        var result = await gate.WaitForExitAsync(cancellationToken: Token);

        Expect.Ending(17, result);
        Expect.LogContains($"pid {logto.ProcessID}", result);
        Assert.Equal(LogtoRelease.Newest.LastTimestamp, await world.StateAsync());
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 1_200_000)]
    public async Task Each_release_that_cannot_be_gone_back_to_has_its_ending()
    {
        await using var world = await RollbackWorld.CreateAsync(servers, 17);

        await EndsAsync(2, "Write it with its three numbers", "latest");
        await EndsAsync(2, "Required argument missing");
        await EndsAsync(17, "newer than this image", "2.0.0");
        await EndsAsync(17, "knows no alteration as old as Logto 0.9.0", "0.9.0");
        await EndsAsync(0, "The database is at Logto 1.43.0 already", "1.43.0");
        await EndsAsync(13, "LOGTO_INIT_BACKUP_DIR is not set", "1.42.0", ("LOGTO_INIT_BACKUP_DIR", ""));
        await EndsAsync(16, "LOGTO_INIT_SCRATCH_MAX_MB", "1.42.0", ("LOGTO_INIT_SCRATCH_MAX_MB", "1"));
        Assert.Equal(LogtoRelease.Newest.LastTimestamp, await world.StateAsync());

        Expect.Ending(Expect.Success, await world.RollBackAsync("1.40.1", "--yes", "--schema-only"));
        await EndsAsync(17, "is older than Logto 1.42.0", "1.42.0");
        await EndsAsync(0, "The database is at Logto 1.40.1 already (state 1779864279", "1.40.1");
        await using var older = await new LogtoRelease("1.40.1").CopyAsync(Token);
        await EndsAsync(17, "run this command in the newer image", "1.37.1", ("LOGTO_INIT_LOGTO_DIR", older.Directory));
        await world.Rehearsal.Server.ExecuteAsync("postgres", $"alter role {PostgresDatabases.Quote(world.Rehearsal.Owner)} nocreatedb", Token);
        await EndsAsync(16, "createdb", "1.37.1");

        async Task EndsAsync(int exitCode, string words, string? version = null, params (string Name, string? Value)[] more)
        {
            var result = await world.RunAsync(version is null ? ["rollback"] : ["rollback", version, "--yes"], more);
            Expect.Ending(exitCode, result);
            Expect.LogContains(words, result);
        }
    }

    [Fact(Timeout = 1_200_000)]
    public async Task The_schema_is_compared_with_the_backup_of_that_release()
    {
        await using var world = await RollbackWorld.CreateAsync(servers, 17, from: new LogtoRelease("1.42.0"));
        Expect.Ending(Expect.Success, await world.RunAsync(["migrate"]));
        Assert.Single(world.Dumps);

        var same = await world.RollBackAsync("1.42.0");
        Assert.Contains("afterwards the schema is that of the backup at the level of Logto 1.42.0", same.StandardOutput, StringComparison.Ordinal);
        Assert.Empty(Facts(same, "schema"));

        await world.Rehearsal.ExecuteAsync("drop index users__name; create index own on users (name)");
        var other = await world.RollBackAsync("1.42.0", "--yes");

        Expect.Ending(Expect.Success, other);
        Assert.Equal(
            [
                "index own on users is not in the backup",
                "index users__name on users is missing; repair it with: CREATE INDEX CONCURRENTLY users__name ON users USING btree (tenant_id, name)",
            ],
            Facts(other, "schema"));

        // What was there before the upgrade can be compared no more; nothing else is lost.
        Expect.Ending(Expect.Success, await world.RunAsync(["migrate"]));
        using (var backup = File.OpenWrite(world.Dumps[0]))
        {
            backup.SetLength(backup.Length / 2);
        }

        var cut = await world.RollBackAsync("1.42.0", "--yes");
        Expect.Ending(Expect.Success, cut);
        Assert.Contains($"the backup {world.Dumps[0]} of that level cannot be restored", Assert.Single(Facts(cut, "schema")), StringComparison.Ordinal);
    }

    [Fact(Timeout = 900_000)]
    public async Task Through_a_pooler_it_is_refused_with_what_to_set()
    {
        await using var world = await RollbackWorld.CreateAsync(servers, 17);
        await using var pooler = await PgBouncer.StartAsync(world.Rehearsal.Server, "extra_float_digits,options,statement_timeout,idle_in_transaction_session_timeout", Token);

        var result = await world.RunAsync(["rollback", "1.42.0", "--yes"], ("DB_URL", pooler.Url(world.Database)));

        Expect.Ending(17, result);
        Expect.LogContains("let DB_URL name the server itself", result);
    }

    private static async Task AddKindsAsync(RollbackWorld world)
    {
        await world.AddAsync(0, "a-column", "await run(pool, \"alter table users add column badge text default 'none'\"); await run(pool, 'alter table users add column unused text');", "await run(pool, 'alter table users drop column badge'); await run(pool, 'alter table users drop column unused');");
        await world.AddAsync(1, "a-table", "await run(pool, 'create table badges (id int primary key)'); await run(pool, 'alter table badges enable row level security');", "await run(pool, 'drop table badges');");
        await world.AddAsync(2, "rows", "", "await run(pool, \"update users set name = 'renamed' where id in ('user1', 'user2', 'user3')\"); await run(pool, \"delete from roles where id = 'extra'\");");
        await world.AddAsync(3, "only-looks-empty", "", "", "await run(pool, 'create index concurrently users__made_before_down on users (name)');");
        await world.AddAsync(4, "nothing", "", "");
        await world.MigrateAsync();
        await world.Rehearsal.ExecuteAsync("""
            insert into users (tenant_id, id, badge) select 'default', 'user' || i, case when i <= 4 then 'gold' when i <= 9 then 'none' end from generate_series(1, 12) i;
            insert into badges select generate_series(1, 11);
            insert into roles (tenant_id, id, name, description) values ('default', 'extra', 'extra', '');
            """);
    }

    /// <summary>The release that was gone back to: its own gate passes with what was printed, its schema is its own, and no later state passes.</summary>
    private static async Task TheOlderGateStartsAsync(RollbackWorld world, string version, decimal state)
    {
        if (version == LevelOnly)
        {
            return;
        }

        await using var older = await new LogtoRelease(version).CopyAsync(Token);
        (string, string?)[] Of(string ahead) => [("LOGTO_INIT_LOGTO_DIR", older.Directory), ("LOGTO_INIT_AHEAD", ahead)];
        var refused = await world.RunAsync(["migrate"], Of("fail"));
        Expect.Ending(Expect.Ahead, refused);
        Expect.LogContains($"To go back, run `logto-migrate-init rollback {version}`", refused);
        Expect.Ending(Expect.Success, await world.RunAsync(["migrate"], Of($"{state}")));
        Expect.Ending(Expect.Success, await world.RunAsync(["check", "--drift"], Of($"{state}")));
        Expect.Ending(Expect.Ahead, await world.RunAsync(["migrate"], Of($"{state - 1}")));
        Assert.True((await older.PreconditionsAsync(world.Rehearsal.Url, Token)).WouldStart);
    }

    /// <summary>Tables whose rows differ in the columns that both have.</summary>
    private static IEnumerable<string> Changed(IReadOnlyDictionary<string, JsonObject[]> before, IReadOnlyDictionary<string, JsonObject[]> after)
    {
        foreach (var table in before.Keys.Intersect(after.Keys).Where(table => table != "systems"))
        {
            if (before[table].Length != after[table].Length)
            {
                yield return table;
            }
            else if (before[table] is [var first, ..])
            {
                var columns = first.Select(column => column.Key).Intersect(after[table][0].Select(column => column.Key)).Order(StringComparer.Ordinal).ToArray();
                string[] Shown(JsonObject[] rows) => [.. rows.Select(row => string.Join('|', columns.Select(column => row[column]?.ToJsonString() ?? "null"))).Order(StringComparer.Ordinal)];
                if (!Shown(before[table]).SequenceEqual(Shown(after[table])))
                {
                    yield return table;
                }
            }
        }
    }

    /// <summary>What the first screen says of something.</summary>
    private static string[] Facts(GateResult result, string name)
    {
        var facts = new List<string>();
        var current = "";
        foreach (var line in result.StandardOutput.Split('\n').Skip(2).TakeWhile(line => line.Length > 0))
        {
            var fact = Fact().Match(line);
            current = fact.Groups[1].Value.Trim() is { Length: > 0 } named ? named : current;
            if (current == name)
            {
                facts.Add(fact.Groups[2].Value);
            }
        }

        return [.. facts];
    }

    [GeneratedRegex("^  (.{10})(.*)$")]
    private static partial Regex Fact();
}
