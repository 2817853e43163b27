using LogtoMigrateInit.Locking;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Scratch;
using Npgsql;

namespace LogtoMigrateInit.Backups;

/// <summary>What came of a swap. The cases: <see cref="Done"/>, <see cref="InUse"/>, <see cref="Unknown"/>.</summary>
internal abstract record SwapResult
{
    private SwapResult()
    {
    }

    /// <summary>The new database has the name.</summary>
    public sealed record Done : SwapResult;

    /// <summary>Nothing was changed, because others are connected; empty when they could not be seen.</summary>
    public sealed record InUse(IReadOnlyList<ServerSession> Sessions) : SwapResult;

    /// <summary>The connection broke while the server committed: one or the other.</summary>
    public sealed record Unknown(string Reason) : SwapResult;
}

/// <summary>
/// Gives a new database the name of another, which keeps its contents under a third: both renames in one transaction, so that at every
/// moment a database of the name is there. The server lets nobody new in as long as the first rename waits for those who are still connected
/// (five seconds; <c>CountOtherDBBackends</c> in PostgreSQL's <c>procarray.c</c>).
/// </summary>
internal static class DatabaseSwap
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    private const string IsRenaming = """
        select exists (select from pg_catalog.pg_locks where pid = $1 and locktype = 'object' and classid = 'pg_database'::regclass and mode = 'AccessExclusiveLock' and granted)
        """;

    /// <param name="renamer">To a database that is neither; outside of a transaction.</param>
    /// <param name="ender">Another such connection.</param>
    /// <param name="fresh">The new database.</param>
    /// <param name="name">The name that it gets.</param>
    /// <param name="former">What becomes of the name of the one that has it now; null when there is none.</param>
    /// <param name="leave">Closes our own sessions in the old database, once nobody new can come in.</param>
    /// <param name="endSessions">Whether to end the sessions of others there.</param>
    /// <param name="cancellationToken">Ends it, without a change, before the commit.</param>
    /// <exception cref="DatabaseException">The server refused.</exception>
    public static async Task<SwapResult> RunAsync(
        NpgsqlConnection renamer, NpgsqlConnection ender, string fresh, string name, string? former, Func<Task> leave, bool endSessions, CancellationToken cancellationToken)
    {
        var committing = false;
        try
        {
            await ExecuteAsync(renamer, "begin", cancellationToken);
            if (former is not null)
            {
                var renaming = ExecuteAsync(renamer, $"alter database {SqlNames.Quote(name)} rename to {SqlNames.Quote(former)}", cancellationToken);
                try
                {
                    await EmptyAsync(renaming, renamer.ProcessID, ender, name, leave, endSessions, cancellationToken);
                }
                finally
                {
                    await Task.WhenAny(renaming); // the connection takes no other statement before
                }

                await renaming;
            }

            await ExecuteAsync(renamer, $"alter database {SqlNames.Quote(fresh)} rename to {SqlNames.Quote(name)}", cancellationToken);
            committing = true;
            await ExecuteAsync(renamer, "commit", CancellationToken.None);
            return new SwapResult.Done();
        }
        catch (PostgresException inUse) when (inUse.SqlState == PostgresErrorCodes.ObjectInUse && !committing)
        {
            await ExecuteAsync(renamer, "rollback", cancellationToken);
            return new SwapResult.InUse(
                [.. await ClusterQueries.FindSessionsAsync(ender, name, [], cancellationToken), .. await ClusterQueries.FindSessionsAsync(ender, fresh, [], cancellationToken)]);
        }
        catch (OperationCanceledException) when (!committing)
        {
            await ExecuteAsync(renamer, "rollback", CancellationToken.None); // so that the scratch database can be dropped
            throw;
        }
        catch (Exception broken) when (committing && DatabaseException.From(broken) is { } failure)
        {
            return new SwapResult.Unknown(failure.Message);
        }
    }

    private static async Task EmptyAsync(Task renaming, int pid, NpgsqlConnection ender, string name, Func<Task> leave, bool endSessions, CancellationToken cancellationToken)
    {
        while (!renaming.IsCompleted && !await IsRenamingAsync(ender, pid, cancellationToken))
        {
            await Task.WhenAny(renaming, Task.Delay(Interval, cancellationToken));
        }

        await leave();
        while (endSessions && !renaming.IsCompleted)
        {
            await ClusterQueries.EndSessionsAsync(ender, name, cancellationToken);
            await Task.WhenAny(renaming, Task.Delay(Interval, cancellationToken));
        }
    }

    private static async Task<bool> IsRenamingAsync(NpgsqlConnection connection, int pid, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(IsRenaming, connection) { Parameters = { new() { Value = pid } } };
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string statement, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(statement, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
