using System.Globalization;
using LogtoMigrateInit.Platform;
using Serilog.Events;

namespace LogtoMigrateInit.Settings;

/// <summary>
/// Reads the whole environment strictly, and reports all problems at once. An empty variable counts as unset, because compose turns
/// <c>${NAME}</c> into an empty text when <c>NAME</c> is unset.
/// </summary>
internal sealed class SettingsReader(IReadOnlyDictionary<string, string> environment)
{
    /// <summary>The longest time-out. PostgreSQL stores time-outs as milliseconds in 32 bits.</summary>
    private const int MaximumSeconds = int.MaxValue / 1000;

    /// <summary>The shortest lease in seconds. A lease has twelve heartbeats, and a busy machine delays each of them.</summary>
    private const int ShortestLease = 6;

    /// <summary>The largest URL file in bytes: half of the 128 KiB that Linux allows for a variable, and far above any real URL.</summary>
    private const int LongestUrlFile = 64 * 1024;

    /// <summary>The longest wait for a pipe. Its writer may have to query a secret manager first.</summary>
    private static readonly TimeSpan UrlFilePatience = TimeSpan.FromSeconds(10);

    private readonly List<string> _problems = [];

    /// <summary>Reads all variables.</summary>
    /// <param name="environment">Names and values of the process's environment.</param>
    /// <param name="problems">One sentence for each problem. Each begins with the variable's name.</param>
    /// <returns>Null when there are problems.</returns>
    public static ProgramSettings? Read(IReadOnlyDictionary<string, string> environment, out IReadOnlyList<string> problems)
    {
        var reader = new SettingsReader(environment);
        var settings = reader.Read();
        problems = reader._problems;
        return problems.Count == 0 ? settings : null;
    }

    /// <summary>
    /// Reads the options of the log. A wrong value counts as unset here, and is a problem in
    /// <see cref="Read(IReadOnlyDictionary{string, string}, out IReadOnlyList{string})"/>.
    /// </summary>
    public static LogOptions ReadLogOptions(IReadOnlyDictionary<string, string> environment)
    {
        var reader = new SettingsReader(environment);
        return new LogOptions(
            reader.Choice(Variables.LogFormat, "text", "json") == "json",
            reader.ReadLogLevel());
    }

    /// <summary>Returns the termination log, even when other variables are wrong.</summary>
    public static string ReadTerminationLog(IReadOnlyDictionary<string, string> environment) =>
        new SettingsReader(environment).Text(Variables.TerminationLog);

    // Over 40 lines: one line for each setting.
    private ProgramSettings? Read()
    {
        _problems.AddRange(UnknownVariables.Describe(environment.Keys));
        _ = Choice(Variables.LogFormat, "text", "json");
        _ = ReadLogLevel();

        var logtoDirectory = Folder(Variables.LogtoDirectory)!;
        var dotEnv = DotEnvFile.Find(logtoDirectory);
        var (url, isFromFile) = ReadUrl(dotEnv);
        var connection = new NodePostgresVariables(environment, logtoDirectory, _problems);
        var main = Target(url, connection);

        var settings = new ProgramSettings
        {
            Main = main,
            DatabaseUrlIsFromFile = isFromFile,
            LogtoDirectory = logtoDirectory,
            ExpectedVersion = environment.Optional(Variables.ExpectedVersion.Name)?.TrimStart('v'), // as in Logto's tags
            NeedsDefaultTenant = ReadNeedsDefaultTenant(),
            Seed = Enum.Parse<SeedMode>(Choice(Variables.Seed, "false", "true", "create"), ignoreCase: true),
            SeedArguments = ReadSeedArguments(),
            AheadLimit = ReadAheadLimit(),
            Repair = Flag(Variables.Repair),
            ConnectTimeout = Seconds(Variables.ConnectTimeout),
            LockTimeout = Seconds(Variables.LockTimeout),
            Timings = new Timings(Seconds(Variables.LockLease, ShortestLease)),
            DeployTimeout = Seconds(Variables.DeployTimeout),
            DdlLockTimeout = Seconds(Variables.DdlLockTimeout),
            TerminationLog = Text(Variables.TerminationLog),
            Node = Text(Variables.Node),
            StatementTimeout = ReadStatementTimeout(),
            LogtosStatementTimeout = StatementTimeout.ForLogto(environment.Optional(StatementTimeout.Variable) ?? ""),
            UnknownSslMode = url?.UnknownSslMode,
            IgnoredParameters = url?.IgnoredParameters ?? [],
            IgnoredPasswordFile = connection.IgnoredPasswordFile,
            ContradictingDotEnv = dotEnv is not null && url is not null && Contradicts(dotEnv, url) ? dotEnv.Name : null,
            BackupDirectory = Folder(Variables.BackupDirectory),
            BackupKeep = Count(Variables.BackupKeep, 1),
            BackupVerify = Enum.Parse<BackupVerification>(Choice(Variables.BackupVerify, "read", "restore"), ignoreCase: true),
            PostgresPrograms = Folder(Variables.PostgresPrograms),
            Rehearse = Enum.Parse<RehearsalMode>(Choice(Variables.Rehearse, "off", "schema", "full"), ignoreCase: true),
            RehearsalLimit = Seconds(Variables.RehearseMaximum),
            RehearseStart = Flag(Variables.RehearseStart),
            StartCommand = Text(Variables.StartCommand).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries),
            StartTimeout = Seconds(Variables.StartTimeout, 1),
            ScratchMegabytes = Count(Variables.ScratchMaximum, 0),
        };

        return settings with
        {
            Direct = ReadServer(Variables.DirectUrl, main.Database, connection),
            Scratch = ReadServer(Variables.ScratchUrl, null, connection)?.Named(main.Database),
        };
    }

    /// <summary>
    /// Follows core's choice of a request's tenant (<c>packages/core/src/utils/tenant.ts</c>). The texts for "yes" are those of
    /// <c>@silverhand/essentials</c>.
    /// </summary>
    private bool ReadNeedsDefaultTenant() =>
        environment.Optional("ENDPOINT")?.Contains('*', StringComparison.Ordinal) != true
        && environment.Optional("PATH_BASED_MULTI_TENANCY")?.ToUpperInvariant() is not ("1" or "TRUE" or "Y" or "YES" or "YEP" or "YEAH");

    /// <summary>
    /// Returns 0 for <c>fail</c>, infinity for <c>allow</c>, and otherwise the timestamp: ten digits, perhaps with a fraction. Any other
    /// text is a problem, and gives 0.
    /// </summary>
    private double ReadAheadLimit()
    {
        const string Form = "0000000000";
        var text = Text(Variables.Ahead);
        if (text.Equals("fail", StringComparison.OrdinalIgnoreCase))
        {
            return 0;
        }

        if (text.Equals("allow", StringComparison.OrdinalIgnoreCase))
        {
            return double.PositiveInfinity;
        }

        if (text.Split('.')[0].Length == Form.Length
            && !text.EndsWith('.')
            && double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var timestamp))
        {
            return timestamp;
        }

        Problem(
            Variables.Ahead,
            $"is {EnvironmentText.Shown(text)}; it takes fail, allow or a timestamp of ten digits, up to which a state may be ahead");
        return 0;
    }

    /// <summary>Returns an absolute path, because child processes have another working folder.</summary>
    /// <returns>Null when the variable is unset and has no default.</returns>
    private string? Folder(Variable variable)
    {
        var directory = Text(variable);
        try
        {
            return directory.Length == 0 ? null : Path.GetFullPath(directory);
        }
        catch (Exception lost) when (lost is IOException or UnauthorizedAccessException or ArgumentException)
        {
            Problem(
                variable,
                $"is {EnvironmentText.Shown(directory)}, which cannot be found from the working folder: " +
                $"{lost.Message.TrimEnd('.')}; write the whole path");
            return directory;
        }
    }

    private int Count(Variable variable, int minimum)
    {
        var text = Text(variable);
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count >= minimum)
        {
            return count;
        }

        Problem(variable, $"is {EnvironmentText.Shown(text)}; it takes a whole number from {minimum} to {int.MaxValue}");
        return minimum;
    }

    /// <summary>Reads the URL of another server.</summary>
    /// <param name="database">The database that the URL must name; null: any.</param>
    /// <returns>Null when the variable is unset or its URL cannot be read.</returns>
    private ServerTarget? ReadServer(Variable variable, string? database, NodePostgresVariables connection)
    {
        if (Text(variable) is not { Length: > 0 } text || ParseUrl(variable, text) is not { } url)
        {
            return null;
        }

        if (database is not null && url.Database != database)
        {
            Problem(
                variable,
                $"names the database {EnvironmentText.Shown(url.Database)} and DB_URL names {EnvironmentText.Shown(database)}; " +
                "both are to reach the same one, once past the pooler");
        }

        return Target(url, connection);
    }

    /// <param name="url">Null when the URL could not be read. Then there is a problem, and the result is never used.</param>
    private ServerTarget Target(DatabaseUrl? url, NodePostgresVariables connection)
    {
        var address = connection.Complete(url);
        var tls = url?.Tls ?? TlsMode.Off;

        // With this value Node.js accepts every certificate.
        var acceptsAll = environment.GetValueOrDefault("NODE_TLS_REJECT_UNAUTHORIZED") == "0";
        return new ServerTarget
        {
            Url = new UrlForLogto(url?.Text ?? ""),
            Host = address.Host,
            Port = address.Port,
            Database = url?.Database ?? "",
            User = address.User,
            Password = connection.ReadPassword(url, address),
            Tls = tls == TlsMode.Verified && acceptsAll ? TlsMode.Unverified : tls,
            DirectTls = connection.ReadDirectTls(url),
            ExtraCaCertificates = environment.Optional("NODE_EXTRA_CA_CERTS"),
            PgOptions = environment.Optional("PGOPTIONS"),
        };
    }

    private static bool Contradicts(DotEnvFile dotEnv, DatabaseUrl url)
    {
        try
        {
            var other = DatabaseUrl.Parse(dotEnv.DatabaseUrl);
            return (other.Host, other.Port, other.User, other.Password, other.Database, other.Tls)
                != (url.Host, url.Port, url.User, url.Password, url.Database, url.Tls);
        }
        catch (FormatException)
        {
            return true;
        }
    }

    private (DatabaseUrl? Url, bool IsFromFile) ReadUrl(DotEnvFile? dotEnv)
    {
        var url = environment.Optional(Variables.DatabaseUrl.Name);
        var file = environment.Optional(Variables.DatabaseUrlFile.Name);
        switch (url, file)
        {
            case (null, null):
                Problem(
                    Variables.DatabaseUrl,
                    "is not set; give it the same value as Logto, such as postgresql://user:password@host:5432/logto, " +
                    "or name a file that holds it in DB_URL_FILE" +
                    (dotEnv is null ? "" : $" (Logto reads it from {EnvironmentText.Shown(dotEnv.Name)}, and this program does not)"));
                return default;
            case (not null, not null):
                Problem(Variables.DatabaseUrl, "and DB_URL_FILE are both set; remove one");
                return default;
            case (null, not null):
                return (ReadUrlFile(file), true);
            default:
                return (ParseUrl(Variables.DatabaseUrl, url!), false);
        }
    }

    private DatabaseUrl? ReadUrlFile(string file)
    {
        if (file.Contains("://", StringComparison.Ordinal))
        {
            Problem(Variables.DatabaseUrlFile, "holds a URL; it takes the name of a file, and a URL belongs into DB_URL");
            return null;
        }

        try
        {
            // The URL's parser would join several lines.
            var text = PlainFile.ReadText(file, LongestUrlFile, UrlFilePatience).Trim();
            if (text.AsSpan().ContainsAny('\r', '\n'))
            {
                Problem(
                    Variables.DatabaseUrlFile,
                    $"names the file {EnvironmentText.Shown(file)}, which holds more than one line; it takes one URL and nothing else");
                return null;
            }

            return ParseUrl(Variables.DatabaseUrlFile, text);
        }
        catch (Exception unreadable) when (
            unreadable is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            Problem(
                Variables.DatabaseUrlFile,
                $"names the file {EnvironmentText.Shown(file)}, which cannot be read: {unreadable.Message.TrimEnd('.')}");
            return null;
        }
    }

    private DatabaseUrl? ParseUrl(Variable variable, string url)
    {
        try
        {
            return DatabaseUrl.Parse(url);
        }
        catch (FormatException unusable)
        {
            Problem(variable, unusable.Message);
            return null;
        }
    }

    private string[] ReadSeedArguments()
    {
        var arguments = Text(Variables.SeedArguments).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (arguments.FirstOrDefault(argument => !argument.StartsWith("--", StringComparison.Ordinal)) is { } odd)
        {
            Problem(
                Variables.SeedArguments,
                $"holds {EnvironmentText.Shown(odd)}, which is no option; it takes options of Logto's `db seed`, such as --dapc");
        }

        if (arguments.FirstOrDefault(NamesDatabase) is { } elsewhere)
        {
            Problem(
                Variables.SeedArguments,
                $"holds {EnvironmentText.Shown(elsewhere.Split('=')[0])}, with which Logto's CLI would seed another database " +
                "than the one that is inspected; name the database in DB_URL");
        }

        return arguments;
    }

    /// <summary>Recognizes <c>--db</c>, <c>--env</c> and their aliases as yargs does: also in camel case, negated, or with a dot.</summary>
    private static bool NamesDatabase(string argument)
    {
        var name = argument.Split('=', '.')[0].Replace("-", "", StringComparison.Ordinal).ToUpperInvariant();
        var positive = name.StartsWith("NO", StringComparison.Ordinal) ? name[2..] : name;
        return positive is "DB" or "DBURL" or "DATABASEURL" or "E" or "ENV" or "ENVFILE";
    }

    private string ReadStatementTimeout()
    {
        var text = environment.Optional(StatementTimeout.Variable) ?? "";
        if (StatementTimeout.IsUnusable(text))
        {
            _problems.Add(
                $"{StatementTimeout.Variable} is {EnvironmentText.Shown(text)}, with which every statement of Logto's fails; " +
                $"for no limit write {StatementTimeout.Disabled}");
        }

        return StatementTimeout.ForCli(text);
    }

    private TimeSpan Seconds(Variable variable, int minimum = 0)
    {
        var text = Text(variable);
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            && seconds >= minimum
            && seconds <= MaximumSeconds)
        {
            return TimeSpan.FromSeconds(seconds);
        }

        Problem(variable, $"is {EnvironmentText.Shown(text)}; it takes whole seconds from {minimum} to {MaximumSeconds}, without a unit");
        return TimeSpan.Zero;
    }

    /// <summary>Reads Serilog's names of levels, and the common short names <c>info</c> and <c>warn</c>.</summary>
    private LogEventLevel ReadLogLevel() => Text(Variables.LogLevel).ToUpperInvariant() switch
    {
        "INFO" => LogEventLevel.Information,
        "WARN" => LogEventLevel.Warning,
        _ => Enum.Parse<LogEventLevel>(Choice(Variables.LogLevel, Enum.GetNames<LogEventLevel>()), ignoreCase: true),
    };

    private bool Flag(Variable variable) => Choice(variable, "true", "false") == "true";

    private string Choice(Variable variable, params string[] choices)
    {
        var text = Text(variable);
        var choice = choices.FirstOrDefault(choice => choice.Equals(text, StringComparison.OrdinalIgnoreCase));
        if (choice is null)
        {
            var names = choices.Select(each => each.ToLowerInvariant()).ToArray();
            var allowed = $"{string.Join(", ", names[..^1])} or {names[^1]}";
            Problem(variable, $"is {EnvironmentText.Shown(text)}; it takes {allowed}");
        }

        return choice ?? variable.Default;
    }

    private string Text(Variable variable) => environment.Optional(variable.Name) ?? variable.Default;

    private void Problem(Variable variable, string problem) => _problems.Add($"{variable.Name} {problem}");
}
