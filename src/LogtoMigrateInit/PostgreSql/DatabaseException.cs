using System.Net.Sockets;
using System.Security.Authentication;
using Npgsql;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>The kind of a failure to reach or use a database.</summary>
internal enum DatabaseFailure
{
    /// <summary>A retry may help: the server is starting, full, or unreachable now.</summary>
    NotYet,

    /// <summary>Only an operator can help: the password, a permission, TLS or the protocol is wrong.</summary>
    Never,

    /// <summary>The server exists, but the database does not. A seed can create it.</summary>
    NoSuchDatabase,
}

/// <summary>The server's load at an attempt to connect.</summary>
internal enum ServerLoad
{
    Unknown,

    /// <summary>The server did not answer in time.</summary>
    Busy,

    /// <summary>The server has no connection left (SQLSTATE 53300).</summary>
    Full,
}

/// <summary>Reports that the database could not be reached, or refused the program. The message is a clause for the operator.</summary>
/// <param name="failure">Whether a retry may help.</param>
/// <param name="reason">A clause: what happened.</param>
/// <param name="remedy">An imperative clause: what the operator can do.</param>
/// <param name="cause">The driver's exception.</param>
internal sealed class DatabaseException(DatabaseFailure failure, string reason, string remedy, Exception? cause = null)
    : Exception(reason, cause)
{
    public DatabaseFailure Failure => failure;

    public string Remedy => remedy;

    /// <summary>The server's load. A high load calls for longer pauses between attempts.</summary>
    public ServerLoad Load => InnerException switch
    {
        PostgresException { SqlState: PostgresErrorCodes.TooManyConnections } => ServerLoad.Full,
        TimeoutException or NpgsqlException { InnerException: TimeoutException } => ServerLoad.Busy,
        _ => ServerLoad.Unknown,
    };

    /// <summary>Translates an exception of the driver.</summary>
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

        // Npgsql's own errors: the server has no TLS, the password is missing, or Npgsql does not know the authentication method.
        NpgsqlException or NotSupportedException => new DatabaseException(
            DatabaseFailure.Never,
            Sentence(exception),
            "correct the password and the sslmode of DB_URL, or how the server's pg_hba.conf lets this user in",
            exception),
        _ => null,
    };

    /// <summary>Returns the failure of a certificate or a handshake, for which a retry does not help.</summary>
    public static DatabaseException OfTls(string reason, Exception cause) => new(
        DatabaseFailure.Never,
        reason,
        "correct the server's certificate, its name in DB_URL, or sslmode; " +
        "NODE_EXTRA_CA_CERTS names the file of an authority of your own",
        cause);

    private static DatabaseException OfNetwork(string reason, Exception cause) =>
        new(DatabaseFailure.NotYet, reason, "check that it runs and that the host and port of DB_URL are right", cause);

    /// <summary>Returns the innermost message, because the outer ones only say where the error happened.</summary>
    private static string Sentence(Exception exception) => exception.GetBaseException().Message.TrimEnd('.');
}
