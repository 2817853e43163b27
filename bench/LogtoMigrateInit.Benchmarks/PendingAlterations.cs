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
        var from1401 = await field.SeedAsync(new LogtoRelease("1.40.1"));
        var from119 = await field.SeedAsync(LogtoRelease.Newest);
        await LogtoRelease.Newest.RollbackAsync(field.Server.Url(from119), "1.19.0");
        return [await CompareAsync(field, 22, from1401), await CompareAsync(field, 106, from119)];
    }

    public static async Task<RehearsedDeploy> MeasureRehearsedAsync(Field field)
    {
        const string Gate = "gate", Rehearsed = "rehearsed", Cli = "cli";
        const int Alterations = 22;
        var template = await field.SeedAsync(new LogtoRelease("1.40.1"));
        var costs = await Rival.CompareAsync(
            [
                new(Gate, async () => field.Gate(await RenewAsync(field, Alterations, template))),
                new(Rehearsed, async () => field.Gate(
                    await RenewAsync(field, Alterations, template), null, ("LOGTO_INIT_REHEARSE", "schema"), ("LOGTO_INIT_PG_BIN", PostgresClients.For(field.Server.Major)))),
                new(Cli, async () => Field.Cli(await RenewAsync(field, Alterations, template), field.Target, "db", "alteration", "deploy", "next")),
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

    private static async Task<PendingRow> CompareAsync(Field field, int alterations, string template)
    {
        const string Gate = "gate", Cli = "cli", NpmRun = "npm run";
        var costs = await Rival.CompareAsync(
            [
                new(Gate, async () => field.Gate(await RenewAsync(field, alterations, template))),
                new(Cli, async () => Field.Cli(await RenewAsync(field, alterations, template), field.Target, "db", "alteration", "deploy", "next")),
                new(NpmRun, async () => field.NpmRun(await RenewAsync(field, alterations, template), field.Target, "next")),
            ],
            field.Rounds(9));
        return new PendingRow(alterations, costs[Gate], costs[Cli], costs[NpmRun]);
    }

    // One name for all, because its role belongs to the whole server.
    private static async Task<string> RenewAsync(Field field, int alterations, string template)
    {
        var name = $"pending_{alterations}";
        await field.Server.ExecuteAsync("postgres", $"drop database if exists {name} with (force)");
        await field.Server.ExecuteAsync("postgres", $"create database {name} template {template}");
        await field.Server.ExecuteAsync("postgres", $"drop role if exists logto_tenant_{name}");
        await field.Server.CreateParentRoleAsync(name);
        return field.Server.Url(name);
    }
}
