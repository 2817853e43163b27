using LogtoMigrateInit.Locking;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Scratch;
using Npgsql;

namespace LogtoMigrateInit.Backups;

/// <summary>The result of a swap. The cases: <see cref="Done"/>, <see cref="InUse"/>, <see cref="Unknown"/>.</summary>
internal abstract record SwapResult
{
    private SwapResult()
    {
    }

    /// <summary>The new database has the name.</summary>
    public sealed record Done : SwapResult;

    /// <summary>Nothing was changed, because other sessions are connected; empty: they are not visible.</summary>
    public sealed record InUse(IReadOnlyList<ServerSession> Sessions) : SwapResult;

    /// <summary>The connection broke while the server committed, so either database may have the name.</summary>
    public sealed record Unknown(string Reason) : SwapResult;
}

/// <summary>
/// Gives a new database the name of another, which gets a third name. One transaction has both renames, so a database of the name exists
/// at every moment. While the first rename waits for the sessions that are connected, the server accepts no new ones (five seconds;
/// <c>CountOtherDBBackends</c> in PostgreSQL's <c>procarray.c</c>).
/// </summary>
internal static class DatabaseSwap
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    private const string IsRenaming = """
        select exists (
          select from pg_catalog.pg_locks
          where pid = $1
            and locktype = 'object'
            and classid = 'pg_database'::regclass
            and mode = 'AccessExclusiveLock'
            and granted)
        """;

    /// <param name="renamer">A connection to a third database, outside a transaction.</param>
    /// <param name="ender">Another such connection.</param>
    /// <param name="fresh">The new database.</param>
    /// <param name="name">The name that it gets.</param>
    /// <param name="former">The new name of the database that has it now; null: none has it.</param>
    /// <param name="leave">Closes our own sessions in the old database, once it accepts no new ones.</param>
    /// <param name="endSessions">Whether to terminate other sessions there.</param>
    /// <param name="last">What is done with <paramref name="renamer"/> in the same transaction, after the renames.</param>
    /// <param name="cancellationToken">Before the commit it undoes everything; the commit itself is not canceled.</param>
    /// <exception cref="DatabaseException">The server refused.</exception>
    // Over 40 lines: one transaction with each of its endings.
    public static async Task<SwapResult> RunAsync(
        NpgsqlConnection renamer,
        NpgsqlConnection ender,
        string fresh,
        string name,
        string? former,
        Func<Task> leave,
        bool endSessions,
        Func<NpgsqlConnection, Task> last,
        CancellationToken cancellationToken)
    {
        var committing = false;
        try
        {
            await ExecuteAsync(renamer, "begin read write", cancellationToken);
            if (former is not null)
            {
                var rename = $"alter database {SqlNames.Quote(name)} rename to {SqlNames.Quote(former)}";
                var renaming = ExecuteAsync(renamer, rename, cancellationToken);
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
            await last(renamer);
            committing = true;
            await ExecuteAsync(renamer, "commit", CancellationToken.None);
            return new SwapResult.Done();
        }
        catch (PostgresException inUse) when (inUse.SqlState == PostgresErrorCodes.ObjectInUse && !committing)
        {
            await RollBackAsync(renamer);
            return new SwapResult.InUse(
            [
                .. await ClusterQueries.FindSessionsAsync(ender, name, [], cancellationToken),
                .. await ClusterQueries.FindSessionsAsync(ender, fresh, [], cancellationToken),
            ]);
        }
        catch when (!committing)
        {
            await RollBackAsync(renamer);
            throw;
        }
        catch (Exception broken) when (committing && DatabaseException.From(broken) is { } failure)
        {
            return new SwapResult.Unknown(failure.Message);
        }
    }

    /// <summary>Ends the transaction, so that the new database can be dropped; the driver may have closed the connection already.</summary>
    private static async Task RollBackAsync(NpgsqlConnection renamer)
    {
        try
        {
            await ExecuteAsync(renamer, "rollback", CancellationToken.None);
        }
        catch (Exception broken) when (broken is InvalidOperationException || DatabaseException.From(broken) is not null)
        {
            await renamer.CloseAsync();
        }
    }

    private static async Task EmptyAsync(
        Task renaming,
        int pid,
        NpgsqlConnection ender,
        string name,
        Func<Task> leave,
        bool endSessions,
        CancellationToken cancellationToken)
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
