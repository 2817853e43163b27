using LogtoMigrateInit.Database;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Migration;

/// <summary>
/// Looks at what a session of the migration waits for, and names it once. Watching is a comfort: a server that we cannot reach now
/// must not end a deploy that has its connection.
/// </summary>
internal sealed class SessionWatch(LogtoDatabase database, ILogger logger)
{
    /// <summary>The pause between two looks.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan LongestLook = TimeSpan.FromSeconds(2);

    private readonly HashSet<int> _reported = [];

    /// <summary>Names the sessions that block those of this name, each once.</summary>
    /// <returns>What the sessions of this name do; null when the server did not tell.</returns>
    public async Task<SessionActivity?> ReportBlockersAsync(string name)
    {
        using var brief = new CancellationTokenSource(LongestLook);
        try
        {
            return await LookAsync(name, brief.Token).WaitAsync(brief.Token);
        }
        catch (Exception failure) when (failure is OperationCanceledException || DatabaseException.From(failure) is not null)
        {
            return null;
        }
    }

    private async Task<SessionActivity> LookAsync(string name, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        foreach (var blocker in await SessionQueries.FindBlockersAsync(connection, name, cancellationToken))
        {
            if (_reported.Add(blocker.Pid))
            {
                logger.Blocked($"{blocker}", blocker.Query, blocker.Pid);
            }
        }

        return await SessionQueries.ReadActivityAsync(connection, name, cancellationToken);
    }
}
