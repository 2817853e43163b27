using LogtoMigrateInit.Fixtures;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.Benchmarks;

/// <summary>One upgrade, by the gate and without it.</summary>
internal sealed record PendingRow(int Alterations, Cost Gate, Cost Cli, Cost NpmRun)
{
    /// <summary>What the gate adds to the CLI alone, in milliseconds.</summary>
    public double AddedMs => Gate.WallMs.Median - Cli.WallMs.Median;
}

/// <summary>The same upgrade with a rehearsal of the schema before it.</summary>
/// <param name="Alterations">How many are pending.</param>
/// <param name="Gate">Without a rehearsal.</param>
/// <param name="Rehearsed">With <c>LOGTO_INIT_REHEARSE=schema</c>.</param>
/// <param name="Cli">Logto's CLI alone.</param>
internal sealed record RehearsedDeploy(int Alterations, Cost Gate, Cost Rehearsed, Cost Cli)
{
    /// <summary>What the rehearsal adds, in milliseconds.</summary>
    public double AddedMs => Rehearsed.WallMs.Median - Gate.WallMs.Median;
}

/// <summary>What the CLI does with its time: a run that does a little more than the one before.</summary>
internal sealed record CliStep(string Name, Cost Cost);

/// <summary>An upgrade.</summary>
internal static class PendingAlterations
{
    public static async Task<IReadOnlyList<PendingRow>> MeasureAsync(Field field)
    {
        const string From1401 = "pending_22", From119 = "pending_106";
        await SeedTemplateAsync(field, From1401, new LogtoRelease("1.40.1"));
        await SeedTemplateAsync(field, From119, LogtoRelease.Newest, "1.19.0");
        return [await CompareAsync(field, 22, From1401), await CompareAsync(field, 106, From119)];
    }

    public static async Task<RehearsedDeploy> MeasureRehearsedAsync(Field field)
    {
        const string Gate = "gate", Rehearsed = "rehearsed", Cli = "cli", Database = "rehearsed_22";
        const int Alterations = 22;
        await SeedTemplateAsync(field, Database, new LogtoRelease("1.40.1"));
        var costs = await Rival.CompareAsync(
            [
                new(Gate, async () => field.Gate(await RenewAsync(field, Database))),
                new(Rehearsed, async () => field.Gate(
                    await RenewAsync(field, Database), null, ("LOGTO_INIT_REHEARSE", "schema"), ("LOGTO_INIT_PG_BIN", PostgresClients.For(field.Server.Major)))),
                new(Cli, async () => Field.Cli(await RenewAsync(field, Database), field.Target, "db", "alteration", "deploy", "next")),
            ],
            field.Rounds(9));
        return new RehearsedDeploy(Alterations, costs[Gate], costs[Rehearsed], costs[Cli]);
    }

    public static async Task<IReadOnlyList<CliStep>> DissectCliAsync(Field field)
    {
        var url = field.Server.Url(field.Database);
        var cached = Field.Cli(url, field.Target, "db", "alteration", "deploy", "next");
        cached = cached with { Variables = new Dictionary<string, string?>(cached.Variables) { ["NODE_COMPILE_CACHE"] = field.NewDirectory() } };
        await Rival.RunAsync(cached);
        Rival[] steps =
        [
            new("Node.js alone (`node -e 0`)", new Invocation(Repository.Node, ["-e", "0"], new Dictionary<string, string?>())),
            new("and the CLI's modules (`--version`)", Field.Cli(url, field.Target, "--version")),
            new("and the database, nothing pending (`deploy next`)", Field.Cli(url, field.Target, "db", "alteration", "deploy", "next")),
            new("the same with a warm compile cache (`NODE_COMPILE_CACHE`)", cached),
        ];
        var costs = await Rival.CompareAsync(steps, field.Rounds(10));
        return [.. steps.Select(step => new CliStep(step.Name, costs[step.Name]))];
    }

    private static async Task<PendingRow> CompareAsync(Field field, int alterations, string database)
    {
        const string Gate = "gate", Cli = "cli", NpmRun = "npm run";
        var costs = await Rival.CompareAsync(
            [
                new(Gate, async () => field.Gate(await RenewAsync(field, database))),
                new(Cli, async () => Field.Cli(await RenewAsync(field, database), field.Target, "db", "alteration", "deploy", "next")),
                new(NpmRun, async () => field.NpmRun(await RenewAsync(field, database), field.Target, "next")),
            ],
            field.Rounds(9));
        return new PendingRow(alterations, costs[Gate], costs[Cli], costs[NpmRun]);
    }

    // Seeded under the name that the copies get: Logto's alterations grant to the role that carries the database's name.
    private static async Task SeedTemplateAsync(Field field, string database, LogtoRelease release, string? backTo = null)
    {
        await field.Server.CreateDatabaseAsync(database);
        await release.SeedAsync(field.Server.Url(database));
        if (backTo is not null)
        {
            await release.RollbackAsync(field.Server.Url(database), backTo);
        }

        await field.Server.ExecuteAsync("postgres", $"alter database {database} rename to {database}_template");
    }

    private static async Task<string> RenewAsync(Field field, string database)
    {
        await field.Server.ExecuteAsync("postgres", $"drop database if exists {database} with (force)");
        await field.Server.ExecuteAsync("postgres", $"create database {database} template {database}_template");
        return field.Server.Url(database);
    }
}
