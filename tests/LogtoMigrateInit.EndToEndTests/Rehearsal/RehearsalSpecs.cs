using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests.Rehearsal;

/// <summary>The deploy on a copy: what the report says, and that the real database is only read.</summary>
public sealed partial class RehearsalSpecs(SharedServers servers)
{
    private const string BaseTables = """
        create table sized (id int primary key, tenant_id text, note varchar(20), old int, status text, amount numeric);
        create index sized__note on sized (note);
        create table lost (id int primary key);
        create type mood as enum ('sad', 'ok');
        alter table sized enable row level security;
        alter table lost enable row level security;
        insert into sized select i, 'default', 'note ' || i, i % 7, 'a', i from generate_series(1, 300) i;
        insert into lost select i from generate_series(1, 11) i;
        create table emptied (id int primary key, note text);
        create index emptied__note on emptied (note);
        insert into emptied select i, 'note' from generate_series(1, 5) i;
        create table renamed (id int primary key, code text not null unique, constraint renamed__code check (code <> ''));
        create policy renamed_code on renamed using (code <> '');
        create table renamed_parts (code text references renamed (code));
        create table parted (id int, at int) partition by range (at);
        create table part (id int, at int);
        create table viewed (id int primary key);
        create view viewed_ids as select id from viewed;
        insert into viewed values (1), (2);
        alter table emptied enable row level security;
        alter table renamed enable row level security;
        alter table renamed_parts enable row level security;
        alter table parted enable row level security;
        alter table part enable row level security;
        alter table viewed enable row level security;
        """;

    private static readonly (string Name, string Up, string BeforeUp)[] Kinds =
    [
        ("nullable-column", "await run(pool, 'alter table sized add column extra text');", ""),
        ("rewrite", "await run(pool, 'alter table sized alter column amount type text using amount::text');", ""),
        ("constraint", "await run(pool, 'alter table sized add constraint sized__positive check (id > 0) not valid'); await run(pool, 'alter table sized validate constraint sized__positive');", ""),
        ("index", "await run(pool, 'create index sized__status on sized (status)');", ""),
        ("concurrent-index", "", "await run(pool, 'create index concurrently sized__old on sized (old)');"),
        ("drop-column", "await run(pool, 'alter table sized drop column old');", ""),
        ("drop-table", "await run(pool, 'drop table lost');", ""),
        ("update-rows", "await run(pool, \"update sized set status = 'b' where id <= 120\"); await run(pool, 'delete from sized where id > 290'); await run(pool, \"insert into sized (id) values (1000)\");", ""),
        ("enum", "await run(pool, \"alter type mood add value 'happy'\");", ""),
        ("function", "await run(pool, 'create function twice(i int) returns int language sql as $$ select i * 2 $$');", ""),
        ("wider-varchar", "await run(pool, 'alter table sized alter column note type varchar(40)');", ""),
        ("new-table", "await run(pool, 'create table fresh (id int primary key references sized)'); await run(pool, 'alter table fresh enable row level security');", ""),
        ("truncate", "await run(pool, 'truncate emptied');", ""),
        ("rename-table", "await run(pool, 'alter table renamed rename to renamed_to');", ""),
        ("rename-column", "await run(pool, 'alter table renamed_to rename column code to sign');", ""),
        ("caught-error", "await run(pool, \"do $x$ begin alter table sized add column gone int; raise 'x'; exception when others then null; end $x$\");", ""),
        ("rows", "await run(pool, 'insert into sized (id) select generate_series(2000, 2004)');", ""),
        ("systems", "await run(pool, \"insert into systems (key, value) values ('own', '{}')\"); await run(pool, \"delete from systems where key = 'own'\");", ""),
        ("more-rows", "await run(pool, 'insert into sized (id) select generate_series(3000, 3002)');", ""),
        ("drop-cascade", "await run(pool, 'drop table viewed cascade');", ""),
        ("attach", "await run(pool, 'alter table parted attach partition part for values from (0) to (10)');", ""),
        ("lock", "await run(pool, 'lock table sized in share row exclusive mode');", ""),
        ("storage", "await run(pool, 'alter table sized set (fillfactor = 70)');", ""),
        ("policy", "await run(pool, 'create policy sized_all on sized using (true)');", ""),
        ("unlogged", "await run(pool, 'alter table emptied set unlogged');", ""),
    ];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory(Timeout = 1_200_000)]
    [InlineData(14)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(17, Traits = ["Run", "quick"])]
    [InlineData(18)]
    public async Task What_each_kind_of_alteration_locks_rewrites_and_loses_is_named_exactly(int major)
    {
        await using var world = await LogtoWorld.CreateAsync(servers, major);
        await world.ExecuteAsync(BaseTables);
        foreach (var (index, kind) in Kinds.Index())
        {
            await world.AddAlterationAsync(index, kind.Name, kind.Up, kind.BeforeUp);
        }

        var pauses = Directory.CreateTempSubdirectory("pauses-").FullName;
        await using var gate = Gate.Start(["rehearse", "--output", "json"], world.Variables(("TEST_PAUSE_FOLDER", pauses)));
        var seen = new List<string>();
        foreach (var index in Enumerable.Range(0, Kinds.Length))
        {
            seen.Add(await LocksFromOutsideAsync(world.Server, Path.Combine(pauses, $"at-{index}"), gate));
            await File.WriteAllTextAsync(Path.Combine(pauses, $"go-{index}"), "", Token);
        }

        var result = await gate.WaitForExitAsync(cancellationToken: Token);
        Directory.Delete(pauses, recursive: true);
        Expect.Ending(Expect.Success, result);
        var alterations = JsonNode.Parse(result.StandardOutput)!["rehearsal"]!["alterations"]!.AsArray();

        // The table "systems" is written by the CLI itself, after an outsider could look.
        Assert.Equal(seen, alterations.Select(alteration => string.Join(", ", alteration!["locks"]!.AsArray().Select(held => $"{held!["table"]} {held["mode"]}").Order(StringComparer.Ordinal))));
        Assert.Equal(
            [
                "nullable-column: sized readsAndWrites; column sized.extra created",
                "rewrite: sized readsAndWrites; rewrites sized; column sized.amount altered from numeric to text",
                "constraint: sized readsAndWrites; constraint sized__positive on sized created",
                "index: sized writes; builds sized__status on sized; index sized__status on sized created",
                "concurrent-index: builds sized__old on sized concurrently; index sized__old on sized created",
                "drop-column: sized readsAndWrites; column sized.old dropped, index sized__old on sized dropped",
                "drop-table: lost readsAndWrites; table lost dropped",
                "update-rows: sized +1 ~120 -10",
                "enum: enum mood altered from 'sad', 'ok' to 'sad', 'ok', 'happy'",
                "function: function twice(i integer) created",
                "wider-varchar: sized readsAndWrites; column sized.note altered from character varying(20) to character varying(40)",
                "new-table: sized writes; table fresh created",
                "truncate: emptied readsAndWrites; truncates emptied",
                "rename-table: renamed readsAndWrites; table renamed_to renamed",
                "rename-column: renamed_to readsAndWrites; column renamed_to.sign renamed",
                "caught-error",
                "rows: sized +5 ~0 -0",
                "systems: systems +1 ~0 -1",
                "more-rows: sized +3 ~0 -0",
                "drop-cascade: viewed readsAndWrites, viewed_ids readsAndWrites; table viewed dropped, view viewed_ids dropped",
                "attach: part readsAndWrites; table part altered from logged to logged, partition of parted FOR VALUES FROM (0) TO (10)",
                "lock: sized writes",
                "storage: storage parameters sized created",
                "policy: sized readsAndWrites; policy sized_all on sized created",
                "unlogged: emptied readsAndWrites; rewrites emptied; table emptied altered from logged to unlogged",
            ],
            alterations.Select((alteration, index) => $"{Kinds[index].Name}: {Describe(alteration!)}".TrimEnd(' ', ':')));
        Assert.Equal(
            ["column sized.old 300", "table lost 11", "rows emptied 5", "table viewed 2"],
            JsonNode.Parse(result.StandardOutput)!["rehearsal"]!["losses"]!.AsArray().Select(loss => $"{loss!["kind"]} {loss["name"]} {loss["values"]}"));
        await world.LeavesNothingAsync();
    }

    [Theory(Timeout = 1_200_000)]
    [InlineData(14)]
    [InlineData(18)]
    public async Task What_has_nothing_to_do_with_Logtos_schema_is_not_copied_and_what_has_is(int major)
    {
        await using var world = await LogtoWorld.CreateAsync(servers, major);
        var owner = PostgresDatabases.Quote(world.Owner);
        await world.Server.ExecuteAsync(
            world.Database,
            $"""
            grant create on database {world.Database} to {owner};
            create schema "The CRM";
            create extension pageinspect schema "The CRM";
            create table extension_rows (id int);
            insert into extension_rows values (1);
            alter table extension_rows owner to {owner};
            alter table extension_rows enable row level security;
            alter extension pageinspect add table extension_rows;
            update pg_extension set extconfig = array['extension_rows'::regclass::oid], extcondition = array[''] where extname = 'pageinspect';
            create table "The CRM".customers (id int primary key);
            alter schema "The CRM" owner to {owner};
            """,
            Token);
        await world.ExecuteAsync("""
            create schema viewing;
            create view viewing.usernames as select username from users;
            create schema called;
            create table called.log (id int);
            insert into called.log values (1);
            create function own_log() returns trigger language plpgsql as $$ begin insert into called.log values (2); return new; end $$;
            create trigger own_log before update on hooks for each row execute function own_log();
            """);
        await world.AddAlterationAsync(1, "calls", "await run(pool, 'update hooks set name = name'); await run(pool, 'insert into called.log values (3)');");

        foreach (var arguments in new[] { new[] { "--schema-only" }, [] })
        {
            var (result, report) = await world.RehearseAsync(arguments);
            Expect.Ending(Expect.Success, result);
            Assert.Equal(["schema The CRM", "extension pageinspect"], report["rehearsal"]!["leftOut"]!.AsArray().Select(each => (string)each!));
        }

        var text = await world.RunAsync(["rehearse"]);
        Assert.Contains("schema The CRM, extension pageinspect: not copied", text.StandardOutput, StringComparison.Ordinal);

        await world.AddAlterationAsync(2, "wider", "await run(pool, 'alter table users alter column username type varchar(200)');");
        var (viewed, _) = await world.RehearseAsync("--schema-only");
        Expect.Ending(16, viewed);
        Assert.Contains("cannot alter type of a column used by a view or rule", viewed.LastLine, StringComparison.Ordinal);
        await world.LeavesNothingAsync();
    }

    [Theory(Timeout = 1_200_000)]
    [InlineData(14)]
    [InlineData(18)]
    public async Task The_way_from_1_19_to_1_43_is_told_without_a_false_line_and_without_a_missing_one(int major)
    {
        await using var world = await LogtoWorld.CreateAsync(servers, major, rollback: "1.19.0");
        var before = await world.DumpAsync();

        var result = await world.RunAsync(["rehearse", "--schema-only"]);

        Expect.Ending(Expect.Success, result);
        const string Golden = "rehearsal-1.19.0-1.43.0.txt";
        var report = WithoutTimes(result.StandardOutput).Replace($"logto_tenant_{world.Database}", "logto_tenant_DATABASE", StringComparison.Ordinal);
        await File.WriteAllTextAsync(Path.Combine(Repository.Root, "artifacts", Golden), report, Token); // for who changes what is reported
        Assert.Equal(await File.ReadAllTextAsync(Path.Combine(Repository.Root, "tests", "LogtoMigrateInit.EndToEndTests", "Rehearsal", "Golden", Golden), Token), report);
        Assert.Equal(before, await world.DumpAsync());
        await world.LeavesNothingAsync();
        Expect.Ending(Expect.Success, await world.RunAsync(["migrate"]));
    }

    [Fact(Timeout = 1_200_000)]
    public async Task An_alteration_that_fails_only_on_the_operators_rows_is_found_by_a_rehearsal_with_rows()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 17);
        await world.ExecuteAsync("""
            create table large (id int primary key, name text);
            alter table large enable row level security;
            insert into large select i, 'name ' || (i % 19999) from generate_series(1, 20000) i;
            """);
        await world.AddAlterationAsync(1, "first", "await run(pool, 'alter table large add column extra text');");
        await world.AddAlterationAsync(2, "unique", "await run(pool, 'create unique index large__name on large (name)');");
        var before = await world.DumpAsync();
        var state = await world.Server.StateAsync(world.Database, Token);

        var schema = await world.RehearseAsync("--schema-only");
        var full = await world.RehearseAsync();
        var migrate = await world.RunAsync(["migrate"], ("LOGTO_INIT_REHEARSE", "full"));

        Expect.Ending(Expect.Success, schema.Result);
        Assert.Equal(["public.large"], schema.Report["rehearsal"]!["withoutRows"]!.AsArray().Select(table => (string)table!));
        Expect.Ending(16, full.Result);
        Assert.Equal("rehearsalFailed", (string)full.Report["outcome"]!);
        Assert.Equal(LogtoWorld.FileName(2, "unique"), (string)full.Report["rehearsal"]!["failure"]!["alteration"]!);
        Expect.Ending(16, migrate);
        Assert.Contains(LogtoWorld.FileName(2, "unique"), migrate.LogLines[^1], StringComparison.Ordinal);
        Assert.Contains("could not create unique index", migrate.LogLines[^1], StringComparison.Ordinal);
        Assert.Equal(state, await world.Server.StateAsync(world.Database, Token));
        Assert.Equal(before, await world.DumpAsync());
        await world.LeavesNothingAsync();

        await world.ExecuteAsync("update large set name = 'another' where id = 20000");
        Expect.Ending(Expect.Success, await world.RunAsync(["migrate"], ("LOGTO_INIT_REHEARSE", "full")));
    }

    [Fact(Timeout = 1_200_000)]
    [Trait("Run", "quick")]
    public async Task A_deploy_that_leaves_another_schema_than_the_targets_own_is_not_begun()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 17, new LogtoRelease("1.40.1"));
        await world.ExecuteAsync("drop index users__name");

        var result = await world.RunAsync(["migrate"], ("LOGTO_INIT_REHEARSE", "schema"));

        Expect.Ending(16, result);
        Assert.Contains("index users__name on users is missing", result.LogLines[^1], StringComparison.Ordinal);
        await world.ExecuteAsync("create index users__name on users (tenant_id, name)");
        Expect.Ending(Expect.Success, await world.RunAsync(["migrate"], ("LOGTO_INIT_REHEARSE", "schema")));
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 1_200_000)]
    public async Task An_index_that_a_killed_run_has_built_fails_neither_the_rehearsal_nor_the_deploy()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 14, new LogtoRelease("1.42.0"));
        await world.ExecuteAsync("create index oidc_model_instances__model_name_payload_account_id_partial on oidc_model_instances (tenant_id)");

        var (result, report) = await world.RehearseAsync("--schema-only");
        Expect.Ending(Expect.Success, result);
        var change = Assert.Single(report["rehearsal"]!["alterations"]![0]!["changes"]!.AsArray())!;
        Assert.Equal("created", (string?)change["what"]); // what was removed is not its doing
        Expect.Ending(Expect.Success, await world.RunAsync(["migrate"], ("LOGTO_INIT_REHEARSE", "schema")));
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 1_200_000)]
    public async Task A_column_that_is_renamed_before_it_is_dropped_is_lost_all_the_same()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 15);
        await world.ExecuteAsync(BaseTables);
        await world.AddAlterationAsync(1, "rename", "await run(pool, 'alter table sized rename column old to older');");
        await world.AddAlterationAsync(2, "rename-table", "await run(pool, 'alter table sized rename to measured'); await run(pool, 'alter table measured add column brief text');");
        await world.AddAlterationAsync(3, "drop", "await run(pool, 'alter table measured drop column older'); await run(pool, 'alter table measured drop column brief');");

        var (result, report) = await world.RehearseAsync();

        Expect.Ending(Expect.Success, result);
        Assert.Equal(["column sized.old 300"], report["rehearsal"]!["losses"]!.AsArray().Select(loss => $"{loss!["kind"]} {loss["name"]} {loss["values"]}"));
        Assert.All(report["rehearsal"]!["alterations"]!.AsArray(), alteration => Assert.True((long?)alteration!["locks"]![0]!["bytes"] > 0));
    }

    [Fact(Timeout = 1_200_000)]
    public async Task A_seed_that_takes_longer_than_the_waiting_CLI_s_driver_waits_fails_nothing()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 17, new LogtoRelease("1.42.0"));
        var go = Path.Combine(world.Target.Directory, "go");
        using var node = new CountingNode($"case \"$*\" in *' db seed'*) while [ ! -e '{go}' ]; do sleep 0.05; done ;; esac");
        await using var gate = Gate.Start(["rehearse", "--schema-only"], world.Variables(("LOGTO_INIT_NODE", node.Path), ("LOGTO_INIT_LOG_LEVEL", "debug")));
        await gate.WaitForLineAsync("timeout expired", cancellationToken: Token);
        await File.WriteAllTextAsync(go, "", Token);

        var result = await gate.WaitForExitAsync(cancellationToken: Token);

        Expect.Ending(Expect.Success, result);
        Assert.Equal(1, node.Count("db seed"));
        Assert.Equal(2, node.Count("db alteration deploy"));
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 1_200_000)]
    public async Task Where_the_target_cannot_seed_the_copy_is_given_up_and_nothing_is_begun()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 16, new LogtoRelease("1.42.0"));
        using var node = new CountingNode("case \"$*\" in *' db seed'*) echo 'no seed today' >&2; exit 1 ;; esac");

        var result = await world.RunAsync(["migrate"], ("LOGTO_INIT_REHEARSE", "schema"), ("LOGTO_INIT_NODE", node.Path));

        Expect.Ending(16, result);
        Expect.LogContains("Logto's own seed failed in a scratch database", result);
        Expect.LogContains("no seed today", result);
        Assert.Equal(new LogtoRelease("1.42.0").LastTimestamp, await world.Server.StateAsync(world.Database, Token));
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 1_200_000)]
    public async Task The_report_for_a_ticket_and_the_one_on_another_server_say_the_same()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 16, new LogtoRelease("1.42.0"), name: PostgresDatabases.UniqueName("with-hyphen"));
        var elsewhere = await servers.GetAsync(17);
        var user = PostgresDatabases.UniqueName("maker");
        await elsewhere.CreateUserAsync(user, "maker's", "createdb createrole", Token);

        var here = await world.RunAsync(["rehearse", "--output", "markdown"]);
        var there = await world.RunAsync(["rehearse", "--output", "markdown"], ("LOGTO_INIT_SCRATCH_URL", elsewhere.Url("whatever", user, "maker's")), ("LOGTO_INIT_PG_BIN", PostgresClients.For(17)));

        Expect.Ending(Expect.Success, here);
        Expect.Ending(Expect.Success, there);
        Assert.Equal(Rows(here), Rows(there));
        Assert.NotEmpty(Rows(here));
        Assert.Contains($"yes, all {LogtoRelease.Newest.CountAfter(new LogtoRelease("1.42.0").LastTimestamp)} alterations, and afterwards the schema is what Logto 1.43.0 itself creates", here.StandardOutput, StringComparison.Ordinal);
        Assert.Contains("the scratch server runs PostgreSQL 17", there.StandardOutput, StringComparison.Ordinal);
        await world.LeavesNothingAsync();
        Assert.Empty(await LogtoWorld.ScratchAsync(elsewhere, world.Database));

        static string[] Rows(GateResult result) => [.. result.StandardOutput.Split('\n').Where(line => line.StartsWith("| 1.", StringComparison.Ordinal)).Select(WithoutTimes)];
    }

    /// <summary>Waits until the CLI holds its transaction open, and reads what another session sees of its locks.</summary>
    private static async Task<string> LocksFromOutsideAsync(PostgresServer server, string file, Gate gate)
    {
        var ended = gate.WaitForExitAsync(TimeSpan.FromMinutes(4), Token);
        while (!File.Exists(file))
        {
            Assert.False(ended.IsCompleted, ended.IsCompleted ? $"{await ended}" : "");
            await Task.Delay(20, Token);
        }

        var pid = await File.ReadAllTextAsync(file, Token);
        var database = await server.QuerySingleAsync<string>("postgres", $"select datname::text from pg_stat_activity where pid = {pid}", Token);
        var locks = await server.QueryAsync<string>(
            database,
            $"""
            select c.relname || ' ' || (array_agg(l.mode order by array_position(array['AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock', 'ShareLock', 'ShareUpdateExclusiveLock', 'RowExclusiveLock', 'RowShareLock', 'AccessShareLock'], l.mode)))[1]
              from pg_locks l join pg_class c on c.oid = l.relation
              where l.pid = {pid} and l.locktype = 'relation' and l.granted and c.relkind in ('r', 'p', 'v') and c.oid >= 16384
                and l.database = (select oid from pg_database where datname = current_database()) and c.relname <> 'systems' and c.relnamespace = 'public'::regnamespace
              group by c.relname order by 1
            """,
            Token);
        return string.Join(", ", locks.Order(StringComparer.Ordinal));
    }

    private static string Describe(JsonNode alteration) => string.Join("; ", new[]
    {
        Join(", ", alteration["locks"]!.AsArray().Where(held => held!["blocks"] is not null).Select(held => $"{held!["table"]} {held["blocks"]}")),
        Join(", ", alteration["truncated"]!.AsArray().Select(table => $"truncates {table}")),
        Join(", ", alteration["rewritten"]!.AsArray().Select(table => $"rewrites {table}")),
        Join(", ", alteration["indexes"]!.AsArray().Select(index => $"builds {index!["name"]}{((bool)index["concurrently"]! ? " concurrently" : "")}")),
        Join(", ", alteration["changes"]!.AsArray()
            .Select(change => $"{change!["kind"]} {change["name"]} {change["what"]}{((string)change["what"]! == "altered" ? $" from {change["before"]} to {change["after"]}" : "")}").Order(StringComparer.Ordinal)),
        Join(", ", alteration["rows"]!.AsArray().Select(rows => $"{rows!["table"]} +{rows["inserted"]} ~{rows["updated"]} -{rows["deleted"]}")),
    }.Where(part => part.Length > 0));

    private static string Join(string separator, IEnumerable<string> parts) => string.Join(separator, parts);

    /// <summary>A report without what differs from run to run.</summary>
    private static string WithoutTimes(string report) =>
        Longest().Replace(Server().Replace(Seconds().Replace(report, " N"), "upgrade of DATABASE to Logto 1.43.0, rehearsed on $1 (PostgreSQL, state $2)"), "of TABLE for N s at most");

    [GeneratedRegex(@" *[0-9]+\.[0-9]+(?= s\b| \|)", RegexOptions.CultureInvariant)]
    private static partial Regex Seconds();

    [GeneratedRegex(@"upgrade of '[^']*' to Logto 1\.43\.0, rehearsed on (.*?) \(PostgreSQL [0-9]+, state ([0-9]+)\)", RegexOptions.CultureInvariant)]
    private static partial Regex Server();

    [GeneratedRegex(@"of [a-z_]+ \([0-9.]+ [kMG]B\) for +N s at most \([^)]*\)", RegexOptions.CultureInvariant)]
    private static partial Regex Longest();
}
