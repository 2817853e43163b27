using System.Diagnostics;
using LogtoMigrateInit.Fixtures;

namespace LogtoMigrateInit.Benchmarks;

/// <summary>The gate with nothing pending at one size, and what bounds it.</summary>
/// <param name="Size">Files, tables, or milliseconds of latency.</param>
/// <param name="Gate">One run.</param>
/// <param name="Floor">The same size without the gate: <c>ls -U</c> of the files, or <c>psql</c> with the same query.</param>
internal sealed record ScaleRow(int Size, Cost Gate, Cost Floor);

/// <summary>Gates started all at once.</summary>
/// <param name="Replicas">How many.</param>
/// <param name="LastMs">Until the last one has passed.</param>
/// <param name="OneMs">What one of them took.</param>
/// <param name="FloorMs">Until the last of as many <c>psql</c> with the same query has ended.</param>
internal sealed record ReplicasRow(int Replicas, Quartiles LastMs, Quartiles OneMs, Quartiles FloorMs)
{
    /// <summary>What one of them takes from the machine.</summary>
    public double EachMs => LastMs.Median / Replicas;
}

/// <summary>How the cost of a run with nothing pending grows.</summary>
internal static class Scale
{
    private const long Level = 1786431364;

    public static async Task<IReadOnlyList<ScaleRow>> OfAlterationsAsync(Field field)
    {
        var url = field.Server.Url(field.Database);
        return await CompareAsync(field, [250, 2_500, 25_000], size =>
        {
            var directory = field.NewDirectory();
            var alterations = WriteCatalog(directory, size);
            return Task.FromResult((field.Gate(url, directory), new Invocation("ls", ["-U", alterations], new Dictionary<string, string?>())));
        });
    }

    public static Task<IReadOnlyList<ScaleRow>> OfTablesAsync(Field field) => CompareAsync(field, field.Quick ? [70, 700] : [70, 700, 7_000], async size =>
    {
        var database = await field.Server.CloneDatabaseAsync(field.Database);
        await field.Server.ExecuteAsync(database, AddTables(size));
        await field.Server.ExecuteAsync(database, "vacuum analyze");
        return (field.Gate(field.Server.Url(database)), Field.AskPsql(field.Server.Url(database)));
    });

    /// <summary>SQL that adds empty tables of the database's owner until the schema public has this many.</summary>
    public static string AddTables(int size) => $"""
        do $$
        declare owner regrole = (select datdba from pg_database where datname = current_database());
        begin
          for number in (select count(*) from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace) .. {size} - 1 loop
            execute format('create table extra_%s (id int primary key)', number);
            execute format('alter table extra_%s owner to %s', number, owner);
            execute format('alter table extra_%s enable row level security', number);
            if number % 500 = 0 then commit; end if;
          end loop;
        end $$
        """;

    /// <summary>SQL that drops them.</summary>
    public const string DropAddedTables = """
        do $$
        declare added text;
        begin
          for added in select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace and relname like 'extra\_%' loop
            execute format('drop table %I', added);
            commit;
          end loop;
        end $$
        """;

    public static async Task<IReadOnlyList<ScaleRow>> OfLatencyAsync(Field field)
    {
        var proxies = new List<WireProxy>();
        try
        {
            return await CompareAsync(field, [0, 1, 20, 100], size =>
            {
                var proxy = new WireProxy(field.Server.Port, TimeSpan.FromMilliseconds(size));
                proxies.Add(proxy);
                var url = field.Server.Url(field.Database).Replace($":{field.Server.Port}/", $":{proxy.Port}/", StringComparison.Ordinal);
                return Task.FromResult((field.Gate(url), Field.AskPsql(url)));
            });
        }
        finally
        {
            foreach (var proxy in proxies)
            {
                await proxy.DisposeAsync();
            }
        }
    }

    public static async Task<IReadOnlyList<ReplicasRow>> OfReplicasAsync(Field field)
    {
        var url = field.Server.Url(field.Database);
        var rows = new List<ReplicasRow>();
        foreach (var replicas in field.Quick ? [1, 10, 50] : new[] { 1, 10, 50, 200 })
        {
            var (gates, floors, each) = (new List<double>(), new List<double>(), new List<double>());
            for (var round = 0; round < field.Rounds(5); round++)
            {
                var (gate, runs) = await AtOnceAsync(field.Gate(url), replicas);
                gates.Add(gate);
                each.AddRange(runs.Select(run => run.WallMs));
                floors.Add((await AtOnceAsync(Field.AskPsql(url), replicas)).LastMs);
            }

            rows.Add(new ReplicasRow(replicas, Quartiles.Of(gates), Quartiles.Of(each), Quartiles.Of(floors)));
        }

        return rows;
    }

    private static async Task<(double LastMs, Run[] Runs)> AtOnceAsync(Invocation invocation, int times)
    {
        var started = Stopwatch.GetTimestamp();
        var runs = await Task.WhenAll(Enumerable.Range(0, times).Select(_ => Rival.RunAsync(invocation)));
        return (Stopwatch.GetElapsedTime(started).TotalMilliseconds, runs);
    }

    private static async Task<IReadOnlyList<ScaleRow>> CompareAsync(Field field, int[] sizes, Func<int, Task<(Invocation Gate, Invocation Floor)>> prepareAsync)
    {
        var rivals = new List<Rival>();
        foreach (var size in sizes)
        {
            var (gate, floor) = await prepareAsync(size);
            rivals.Add(new Rival($"gate {size}", gate));
            rivals.Add(new Rival($"floor {size}", floor));
        }

        var costs = await Rival.CompareAsync(rivals, field.Rounds(15));
        return [.. sizes.Select(size => new ScaleRow(size, costs[$"gate {size}"], costs[$"floor {size}"]))];
    }

    /// <summary>An installation with so many empty scripts, the newest of which is the state of the seeded database.</summary>
    private static string WriteCatalog(string directory, int size)
    {
        var cli = Path.Combine(directory, "node_modules", "@logto", "cli");
        Directory.CreateDirectory(Path.Combine(cli, "bin"));
        File.WriteAllText(Path.Combine(cli, "package.json"), """{ "name": "@logto/cli", "version": "1.43.0" }""");
        File.WriteAllText(Path.Combine(cli, "bin", "logto.js"), "");
        var schemas = Path.Combine(directory, "node_modules", "@logto", "schemas");
        var tables = Directory.CreateDirectory(Path.Combine(schemas, "tables")).FullName;
        foreach (var table in Directory.EnumerateFiles(Path.Combine(LogtoRelease.Newest.SchemasDirectory, "tables")))
        {
            File.Copy(table, Path.Combine(tables, Path.GetFileName(table)));
        }

        var alterations = Directory.CreateDirectory(Path.Combine(schemas, "alterations-js")).FullName;
        for (var number = 0; number < size; number++)
        {
            File.WriteAllText(Path.Combine(alterations, $"1.{43 - (number * 43 / size)}.0-{Level - (number * 3600L)}-some-alteration-name.js"), "");
        }

        return alterations;
    }
}
