using System.Diagnostics;
using LogtoMigrateInit.Fixtures;
using Npgsql;

namespace LogtoMigrateInit.ChaosTests;

/// <summary>How a schedule went.</summary>
/// <param name="Schedule">What was to happen.</param>
/// <param name="Lines">What happened.</param>
/// <param name="Violations">What must not have; empty when all is well.</param>
/// <param name="ExitCodes">Of each replica's runs.</param>
/// <param name="Logs">Of each replica's runs.</param>
/// <param name="Clis">How many CLIs worked on the database.</param>
/// <param name="Looks">How often the observer looked.</param>
/// <param name="Elapsed">How long it all took.</param>
internal sealed record RunResult(
    Schedule Schedule, IReadOnlyList<string> Lines, IReadOnlyList<string> Violations, IReadOnlyList<IReadOnlyList<int>> ExitCodes,
    IReadOnlyList<IReadOnlyList<string>> Logs, int Clis, long Looks, TimeSpan Elapsed);

/// <summary>Carries a schedule out: lets things happen at their times, waits until everybody has passed, and looks at what is left.</summary>
internal sealed class Run(World world)
{
    private const string GateName = Observer.GateName;

    /// <summary>A fault that wants the one who deploys waits so long for there to be one.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private static readonly TimeSpan SettlingTime = TimeSpan.FromSeconds(15);

    private PostgresServer Server => world.Stage.Server;

    private Chronicle Chronicle => world.Chronicle;

    public static async Task<RunResult> OfAsync(Stage stage, Schedule schedule, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        await using var world = await World.CreateAsync(stage, schedule, cancellationToken);
        await new Run(world).CarryOutAsync(cancellationToken);
        return new RunResult(
            schedule, world.Chronicle.Lines, world.Chronicle.Violations, [.. world.Replicas.Select(each => each.ExitCodes)],
            [.. world.Replicas.Select(each => each.Logs)], world.Statements.Clis.Count, world.Observer.Looks, Stopwatch.GetElapsedTime(started));
    }

    private async Task CarryOutAsync(CancellationToken cancellationToken)
    {
        Chronicle.Begin();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var token = over.Token;
        var replicas = Task.WhenAll(world.Replicas.Select(each => each.RunAsync(token)));
        var faults = Task.WhenAll(world.Schedule.Faults.Select(each => HappenAsync(each, token)));
        await Task.WhenAny(replicas, Task.Delay(world.Schedule.Limit, cancellationToken));
        if (!replicas.IsCompleted)
        {
            foreach (var (index, _) in world.Replicas.Index().Where(each => !each.Item.HasPassed))
            {
                Chronicle.Violate($"replica {index} has not passed within {Fault.Seconds(world.Schedule.Limit)}, although everything has been well since {Fault.Seconds(world.Schedule.Horizon)}");
            }

            await NoteSessionsAsync(cancellationToken);
        }

        await over.CancelAsync();
        await Task.WhenAll(replicas, faults).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        foreach (var failure in new[] { replicas.Exception, faults.Exception }.OfType<AggregateException>())
        {
            throw failure; // a mistake of this program
        }

        foreach (var replica in world.Replicas)
        {
            replica.Network.CutSwallowed();
        }

        await world.MigratePlainlyAsync(cancellationToken);
        await world.JudgeStatementsAsync(cancellationToken);
        await world.JudgeAftermathAsync(SettlingTime, cancellationToken);
    }

    /// <summary>Once everybody has passed nothing is left to disturb, but a fault that has begun is seen to its end.</summary>
    private async Task HappenAsync(TimedFault timed, CancellationToken over)
    {
        await Task.Delay(timed.At, over).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (over.IsCancellationRequested)
        {
            return;
        }

        var fault = timed.Fault;
        switch (fault)
        {
            case Fault.Kill kill:
                await WithAsync(fault, kill.Replica, replica => replica.Kill(kill.Part), over);
                break;
            case Fault.Terminate terminate:
                await WithAsync(fault, terminate.Replica, replica => replica.Terminate(), over);
                break;
            case Fault.Freeze freeze:
                if (await FindAsync(fault, freeze.Replica, over) is { } frozen)
                {
                    await frozen.FreezeAsync(freeze.Part, freeze.For, over);
                    Chronicle.Note($"over: {fault}");
                }

                break;
            case Fault.Cut cut:
                await WithAsync(fault, cut.Replica, replica => replica.Disturb().Cut(NameOf(cut.Part)), over);
                break;
            case Fault.Swallow swallow:
                if (await FindAsync(fault, swallow.Replica, over) is { } swallowed)
                {
                    swallowed.Disturb().Swallow(NameOf(swallow.Part));
                    await Task.WhenAny(Task.Delay(swallow.For, over));
                    swallowed.Network.CutSwallowed();
                    Chronicle.Note($"over: {fault}");
                }

                break;
            case Fault.Restart restart:
                Chronicle.Note($"{fault}");
                foreach (var replica in world.Replicas)
                {
                    replica.Disturb();
                }

                await Server.StopAsync(restart.Mode);
                await world.Statements.ReadAsync(isFull: true, CancellationToken.None);
                await Task.WhenAny(Task.Delay(restart.For, over));
                await Server.StartAgainAsync(CancellationToken.None);
                Chronicle.Note("the server is back");
                break;
            case Fault.Block block:
                await BlockAsync(block, over);
                break;
            default:
                throw new UnreachableException($"{fault}");
        }
    }

    private async Task WithAsync(Fault fault, int? index, Action<Replica> act, CancellationToken over)
    {
        if (await FindAsync(fault, index, over) is { } replica)
        {
            act(replica);
        }
    }

    /// <returns>Null when there is nobody whom it could hit.</returns>
    private async Task<Replica?> FindAsync(Fault fault, int? index, CancellationToken over)
    {
        var since = Chronicle.Now;
        while (true)
        {
            var found = index is { } number ? world.Replicas[number] : world.Replicas.Where(each => each.DeploysSince is not null).MaxBy(each => each.DeploysSince);
            if (found is { IsRunning: true })
            {
                Chronicle.Note(index is null ? $"{fault}: replica {world.Replicas.Index().First(each => each.Item == found).Index}" : $"{fault}");
                return found;
            }

            if (index is not null || Chronicle.Now - since > Patience)
            {
                Chronicle.Note($"{fault}: nobody there");
                return null;
            }

            await Task.Delay(10, over);
        }
    }

    private async Task BlockAsync(Fault.Block block, CancellationToken over)
    {
        try
        {
            await using var connection = await Server.OpenAsync(world.Database, over);
            // A session of somebody else's that waits itself for long would be a fault of its own.
            await using var command = new NpgsqlCommand($"begin; set local lock_timeout = '2s'; lock table {block.Table} in {block.Mode} mode", connection);
            await command.ExecuteNonQueryAsync(over);
            Chronicle.Note($"{block}");
            await Task.WhenAny(Task.Delay(block.For, over));
            Chronicle.Note($"over: {block}");
        }
        catch (NpgsqlException gone)
        {
            Chronicle.Note($"{block}: {gone.Message}");
        }
    }

    private async Task NoteSessionsAsync(CancellationToken cancellationToken)
    {
        const string sql = """
            select format('%s pid %s %s %s/%s blocked by %s: %s', application_name, pid, state, wait_event_type, wait_event, pg_blocking_pids(pid), query)
              from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and application_name <> 'fixtures'
            """;
        foreach (var session in await Stage.WhenUpAsync(() => Server.QueryAsync<string>(world.Database, sql, cancellationToken), cancellationToken))
        {
            Chronicle.Note($"session {session}");
        }
    }

    private static Func<string, bool> NameOf(Part part) => name => part switch
    {
        Part.Gate => name == GateName,
        Part.Cli => Observer.IsCli(name),
        _ => true,
    };
}
