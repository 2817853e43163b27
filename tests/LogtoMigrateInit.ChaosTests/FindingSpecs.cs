using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.ChaosTests;

/// <summary>A harness that finds nothing proves nothing: what is broken on purpose is found.</summary>
public sealed class FindingSpecs(Stages stages)
{
    private static readonly Schedule Quiet = new(
        0, Lease.Seconds, 17, [new ReplicaPlan(0, TimeSpan.Zero, ClockKind.Right), new ReplicaPlan(1, TimeSpan.Zero, ClockKind.Right)],
        [.. Enumerable.Repeat(TimeSpan.FromSeconds(1), Stretch.Delays)], []);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact(Timeout = 600_000)]
    public async Task Two_CLIs_without_a_gate_are_found()
    {
        await using var world = await WorldAsync();
        await using var connection = await world.Stage.Server.OpenAsync(world.Database, Token);
        await using var transaction = await connection.BeginTransactionAsync(Token);
        await using var command = connection.CreateCommand();
        command.CommandText = "lock table systems in share mode"; // holds the first at the end of its first alteration until the second is there
        await command.ExecuteNonQueryAsync(Token);

        var running = Task.WhenAll(world.Installations.Select((installation, index) => Tool.TryRunAsync(
            Repository.Node,
            [installation.CliEntry, "db", "alteration", "deploy", "next"],
            new Dictionary<string, string> { ["DB_URL"] = $"{world.Url}?application_name={Observer.CliPrefix}{index}", ["CI"] = "" },
            Token)));

        await WaitForAsync(() => world.Chronicle.Violations.Any(violation => violation.StartsWith("two CLIs are in a transaction at once", StringComparison.Ordinal)));
        await transaction.CommitAsync(Token);
        await running;

        // The server's log tells it as well, when the first goes on and the second has failed.
        await world.JudgeStatementsAsync(Token);
        Assert.Contains(world.Chronicle.Violations, violation => violation.Contains(" went on after ", StringComparison.Ordinal));
    }

    [Fact(Timeout = 600_000)]
    public async Task A_state_that_goes_back_is_found()
    {
        await using var world = await WorldAsync();
        await WaitForAsync(() => world.Chronicle.Lines.Any(line => line.Contains("state 1779421396", StringComparison.Ordinal)));

        await world.Stage.Server.ExecuteAsync(world.Database, "update systems set value = jsonb_set(value, '{timestamp}', '1779421395') where key = 'alterationState'", Token);

        await WaitForAsync(() => world.Chronicle.Violations.Contains("the state went back from 1779421396 to 1779421395"));
    }

    [Fact(Timeout = 600_000)]
    public async Task A_gate_that_passes_too_early_is_found()
    {
        await using var world = await WorldAsync();

        await world.JudgePassAsync("a liar", Token);

        Assert.Equal("a liar passed although the state is 1779421396", Assert.Single(world.Chronicle.Violations));
    }

    [Fact(Timeout = 600_000)]
    public async Task Whatever_is_not_as_an_undisturbed_migration_leaves_it_is_found_and_nothing_else_is()
    {
        (string Sql, string Violation)[] damages =
        [
            ("delete from users where id = 'chaos7'", "users has 599 rows instead of 600"),
            ("update logs set payload = '{}' where id = 'chaos7'", "the rows of logs have changed, and no alteration changes them"),
            ("insert into chaos_ledger select * from chaos_ledger limit 1", "chaos_ledger has 6 rows instead of 5"),
            ("alter table roles disable row level security", "everybody passed although roles has no row-level security"),
            ("update pg_index set indisvalid = false where indexrelid = 'users__name'::regclass", "the schema lacks: index CREATE INDEX users__name"),
            ("drop index service_logs__created_at", "the schema lacks: index CREATE INDEX service_logs__created_at"),
            ("alter table users add column stray text", "the schema has, and an undisturbed migration leaves it otherwise: column users.stray text"),
            ("drop policy users_tenant_id on users", "the schema lacks: policy users_tenant_id on users"),
            ("select pg_advisory_lock(7)", "left behind: an advisory lock"),
        ];
        await using var world = await WorldAsync();
        await world.Installations[0].CliAsync(world.Url, ["db", "alteration", "deploy", "next"], Token);
        await world.JudgeAftermathAsync(TimeSpan.Zero, Token);
        Assert.Empty(world.Chronicle.Violations);
        await using var connection = await world.Stage.Server.OpenAsync(world.Database, Token);
        await using var command = connection.CreateCommand();
        command.CommandText = string.Join(';', damages.Select(each => each.Sql));
        await command.ExecuteNonQueryAsync(Token);

        await world.JudgeAftermathAsync(TimeSpan.Zero, Token);

        Assert.All(damages, damage => Assert.Contains(world.Chronicle.Violations, each => each.StartsWith(damage.Violation, StringComparison.Ordinal)));
    }

    private static async Task WaitForAsync(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(10, Token);
        }
    }

    private async Task<World> WorldAsync() => await World.CreateAsync(await stages.GetAsync(17), Quiet, Token);
}
