using System.Net.Sockets;
using System.Security.Authentication;
using Npgsql;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>The kind of a failure to reach or use a database.</summary>
internal enum DatabaseFailure
{
    /// <summary>It may answer later: it is starting, full, or unreachable now.</summary>
    NotYet,

    /// <summary>It will never answer differently: password, permission, TLS, protocol.</summary>
    Never,

    /// <summary>The server exists, but the database does not. A seed can create it.</summary>
    NoSuchDatabase,
}

/// <summary>The server's load, as an attempt to connect shows it.</summary>
internal enum ServerLoad
{
    Unknown,

    /// <summary>It did not answer in time.</summary>
    Busy,

    /// <summary>It has no connection left (SQLSTATE 53300).</summary>
    Full,
}

/// <summary>The database could not be reached or refused us; the message is a clause for the operator.</summary>
/// <param name="failure">Whether waiting may help.</param>
/// <param name="reason">What happened.</param>
/// <param name="remedy">What the operator can do about it: an imperative clause.</param>
/// <param name="cause">What the driver threw.</param>
internal sealed class DatabaseException(DatabaseFailure failure, string reason, string remedy, Exception? cause = null)
    : Exception(reason, cause)
{
    public DatabaseFailure Failure => failure;

    public string Remedy => remedy;

    /// <summary>The server's load: frequent polls would make a high one worse.</summary>
    public ServerLoad Load => InnerException switch
    {
        PostgresException { SqlState: PostgresErrorCodes.TooManyConnections } => ServerLoad.Full,
        TimeoutException or NpgsqlException { InnerException: TimeoutException } => ServerLoad.Busy,
        _ => ServerLoad.Unknown,
    };

    /// <summary>Translates what the driver throws.</summary>
    /// <returns>Null when the exception is not about reaching or reading the database.</returns>
    public static DatabaseException? From(Exception exception) => exception switch
    {
        DatabaseException already => already,
        PostgresException answer => ServerAnswer.Judge(answer),
        NpgsqlException { InnerException: AuthenticationException tls } => OfTls($"the TLS handshake failed: {Sentence(tls)}", exception),
        NpgsqlException { InnerException: SocketException network } => OfNetwork(network.Message, exception),
        SocketException network => OfNetwork(network.Message, exception),
        TimeoutException or NpgsqlException { InnerException: TimeoutException } => OfNetwork("no answer in time", exception),
        IOException or NpgsqlException { InnerException: IOException } or NpgsqlException { IsTransient: true }
            => OfNetwork(Sentence(exception), exception),

        // Npgsql's own errors: no TLS, no password, or an authentication method that it does not know.
        NpgsqlException or NotSupportedException => new DatabaseException(
            DatabaseFailure.Never,
            Sentence(exception),
            "correct the password and the sslmode of DB_URL, or how the server's pg_hba.conf lets this user in",
            exception),
        _ => null,
    };

    /// <summary>A certificate or a handshake that a retry does not change.</summary>
    public static DatabaseException OfTls(string reason, Exception cause) => new(
        DatabaseFailure.Never,
        reason,
        "correct the server's certificate, its name in DB_URL, or sslmode; " +
        "NODE_EXTRA_CA_CERTS names the file of an authority of your own",
        cause);

    private static DatabaseException OfNetwork(string reason, Exception cause) =>
        new(DatabaseFailure.NotYet, reason, "check that it runs and that the host and port of DB_URL are right", cause);

    /// <summary>The innermost message: the outer ones only say where it happened.</summary>
    private static string Sentence(Exception exception) => exception.GetBaseException().Message.TrimEnd('.');
}
