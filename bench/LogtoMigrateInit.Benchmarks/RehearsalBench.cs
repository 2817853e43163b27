using System.Globalization;
using System.Text.Json.Nodes;
using LogtoMigrateInit.CommandLine;
using LogtoMigrateInit.Fixtures;
using LogtoMigrateInit.Outcomes;

namespace LogtoMigrateInit.Benchmarks;

/// <summary>One alteration, on the copy and afterwards on the real database.</summary>
/// <param name="Name">With its release.</param>
/// <param name="RehearsedSeconds">As Logto's CLI reported it on the copy, what it does outside of the transaction included.</param>
/// <param name="RealSeconds">The same in the deploy.</param>
internal sealed record RehearsedTime(string Name, double RehearsedSeconds, double RealSeconds);

/// <summary>What a rehearsal foretells.</summary>
/// <param name="Date">When it was measured.</param>
/// <param name="Server">Of PostgreSQL.</param>
/// <param name="Megabytes">Of the tables, without their indexes.</param>
/// <param name="From">The release that the database was taken back to.</param>
/// <param name="CopySeconds">To make the copy, with all rows.</param>
/// <param name="Alterations">In order.</param>
internal sealed record RehearsalCost(string Date, string Server, double Megabytes, string From, double CopySeconds, IReadOnlyList<RehearsedTime> Alterations)
{
    /// <summary>What one without rows costs before a deploy; null in results of before.</summary>
    public RehearsedDeploy? OfSchema { get; init; }

    public double RehearsedSeconds => Alterations.Sum(alteration => alteration.RehearsedSeconds);

    public double RealSeconds => Alterations.Sum(alteration => alteration.RealSeconds);
}

/// <summary>Measures a <see cref="RehearsalCost"/>: the same upgrade of the same rows, rehearsed and then deployed.</summary>
internal static class RehearsalBench
{
    public const int UsualMegabytes = 1024;
    public const int QuickMegabytes = 20;

    private const int Major = 17;
    private const string From = "1.19.0";
    private const int Rehearsed = 1901;
    private const int Deployed = 1501;

    public static async Task<RehearsalCost> MeasureAsync(Field field, int megabytes)
    {
        var ofSchema = await PendingAlterations.MeasureRehearsedAsync(field);
        await using var server = await PostgresServer.StartAsync(
            Major, new Dictionary<string, string> { ["fsync"] = "on", ["full_page_writes"] = "on", ["max_wal_size"] = "4GB", ["autovacuum"] = "off" });
        const string Database = "logto";
        var owner = PostgresDatabases.OwnerOf(Database);
        await server.CreateDatabaseAsync(Database);
        await server.CreateOwnerAsync(Database);
        await server.ExecuteAsync("postgres", $"alter role {owner} createdb createrole");
        var url = server.Url(Database, owner, PostgresDatabases.OwnerPassword);
        await LogtoRelease.Newest.SeedAsync(url);
        await LogtoData.FillAsync(server, Database, megabytes);
        await using var target = await LogtoRelease.Newest.CopyAsync();
        await target.CliAsync(url, ["db", "alteration", "rollback", From]);
        var variables = new Dictionary<string, string?>
        {
            ["DB_URL"] = url,
            ["LOGTO_INIT_LOGTO_DIR"] = target.Directory,
            ["LOGTO_INIT_PG_BIN"] = PostgresClients.For(Major),
            ["LOGTO_INIT_LOG_FORMAT"] = "json",
            ["LOGTO_INIT_LOG_LEVEL"] = "debug",
            ["LOGTO_INIT_SCRATCH_MAX_MB"] = "0",
        };
        var (_, megabytesOfTables) = await LogtoData.MeasureAsync(server, Database);

        var rehearsal = await RunAsync(["rehearse", "--output", "json"], variables);
        var deploy = await RunAsync(["migrate"], variables);

        var real = Read(deploy, Deployed).ToDictionary(each => each.Name, each => each.Seconds);
        return new RehearsalCost(
            DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            await server.QuerySingleAsync<string>("postgres", "show server_version"),
            megabytesOfTables,
            From,
            (double)JsonNode.Parse(rehearsal.StandardOutput)!["rehearsal"]!["secondsToCopy"]!,
            [.. Read(rehearsal, Rehearsed).Select(each => new RehearsedTime(each.Name, each.Seconds, real[each.Name]))])
        {
            OfSchema = ofSchema,
        };
    }

    private static async Task<GateResult> RunAsync(string[] arguments, Dictionary<string, string?> variables)
    {
        var result = await Gate.RunAsync(arguments, variables, TimeSpan.FromHours(1));
        return result.ExitCode == 0 ? result : throw new InvalidOperationException($"{string.Join(' ', arguments)}: {result}");
    }

    private static IEnumerable<(string Name, double Seconds)> Read(GateResult result, int number) =>
        from line in result.LogLines
        where line.StartsWith('{')
        let entry = JsonNode.Parse(line)!
        where (int?)entry["EventId"]?["Id"] == number
        select ($"{entry["Version"]} {entry["Name"]}", (double)entry["Seconds"]!);
}
