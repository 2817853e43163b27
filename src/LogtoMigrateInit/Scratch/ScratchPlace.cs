using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.PostgresTools;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Scratch;

/// <summary>
/// Opens the server for scratch databases, and checks the user's rights on it. It is the server of the real database, or the one that
/// <c>LOGTO_INIT_SCRATCH_URL</c> names.
/// </summary>
internal sealed class ScratchPlace(ProgramSettings settings, ILogger logger)
{
    /// <summary>Opens the server and calls <paramref name="use"/>. Turns failures of both into a result.</summary>
    /// <param name="use">The work. It receives the server and the user's rights on it.</param>
    /// <param name="impossible">Creates a result from a clause for the operator.</param>
    public async Task<T> UseAsync<T>(
        Func<ScratchServer, ClusterRights, Task<T>> use, Func<string, T> impossible, CancellationToken stop)
    {
        try
        {
            await using var server = new DirectServer(settings.Scratch ?? settings.Server, settings, logger);
            await using var scratch = await OpenAsync(server, stop);
            if (scratch is null)
            {
                return impossible("another run uses scratch databases of this one. Next: start again when it has ended");
            }

            if (scratch.WhyUnusable is { } pooler)
            {
                return impossible(settings.Scratch is { } named
                    ? $"a connection pooler answers at {named.Host}:{named.Port}, and the program creates no databases through one. " +
                        "Next: let LOGTO_INIT_SCRATCH_URL name the server itself"
                    : pooler);
            }

            var rights = await ClusterQueries.ReadRightsAsync(scratch.Connection, stop);
            return WhyNotAllowed(rights) is { } forbidden ? impossible(forbidden) : await use(scratch, rights);
        }
        catch (PostgresToolException failure)
        {
            return impossible(failure.Message);
        }
        catch (InvalidOperationException broken)
        {
            return impossible($"the connection to the scratch server was lost ({broken.Message.TrimEnd('.')}). Next: start again");
        }
        catch (Exception failure)
            when (failure is not (OperationCanceledException or IOException) && DatabaseException.From(failure) is { } refusal)
        {
            return impossible($"{refusal.Message}. Next: {refusal.Remedy}");
        }
    }

    /// <exception cref="PostgresToolException">The server of LOGTO_INIT_SCRATCH_URL cannot be used.</exception>
    private async Task<ScratchServer?> OpenAsync(DirectServer server, CancellationToken stop)
    {
        try
        {
            return await ScratchServer.OpenAsync(server, settings.LockTimeout, logger, stop);
        }
        catch (DatabaseException failure) when (settings.Scratch is { } named)
        {
            var place = $"{named.Host}:{named.Port} (LOGTO_INIT_SCRATCH_URL, user '{named.User}')";
            throw new PostgresToolException($"the scratch server at {place} cannot be used: {failure.Message}", failure);
        }
    }

    /// <summary>Returns a clause for the case that schemas cannot be compared, because the servers have different major versions.</summary>
    public static string OtherMajor(int scratch, int real) =>
        $"the scratch server runs PostgreSQL {scratch / 10000} and the real one {real / 10000}, " +
        "and they print definitions differently. " +
        $"Next: let LOGTO_INIT_SCRATCH_URL name a server with PostgreSQL {real / 10000}";

    /// <summary>Checks the rights. The user must create roles too, because Logto's roles have the name of their database.</summary>
    /// <returns>Null when the user may create databases and roles; otherwise a clause for the operator.</returns>
    public static string? WhyNotAllowed(ClusterRights rights)
    {
        if (rights is { MayCreateDatabases: true, MayCreateRoles: true })
        {
            return null;
        }

        var (objects, attributes) = rights.MayCreateDatabases ? ("roles", "createrole")
            : rights.MayCreateRoles ? ("databases", "createdb")
            : ("databases and roles", "createdb createrole");
        return $"user '{rights.User}' may not create {objects}, which a scratch database needs. Next: " +
            $"run `alter role {SqlNames.Quote(rights.User)} {attributes}` as a superuser, " +
            "or set LOGTO_INIT_SCRATCH_URL to a server where the user may";
    }
}
