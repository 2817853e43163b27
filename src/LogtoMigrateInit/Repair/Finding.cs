using LogtoMigrateInit.Inspections;

namespace LogtoMigrateInit.Repair;

/// <summary>Who repairs a finding.</summary>
internal enum RepairBy
{
    /// <summary>The command, after a question or with <c>--yes</c>: the SQL deletes nothing of the operator's.</summary>
    Command,

    /// <summary>The command with <c>--trim-signing-keys</c>, after a backup.</summary>
    CommandAfterBackup,

    /// <summary>The operator.</summary>
    Operator,
}

/// <summary>One thing that is wrong, and what repairs it.</summary>
/// <param name="What">A clause for the operator, without SQL of more than a name.</param>
/// <param name="By">Who repairs it.</param>
/// <param name="Sql">One or several statements on one line, or a function; null when there are none.</param>
internal sealed record Finding(string What, RepairBy By, string? Sql)
{
    /// <summary>A role that also gets the password of its row in <c>tenants</c>; null: none does.</summary>
    public string? PasswordOf { get; init; }

    /// <summary>Why the command does not repair it, or what the operator does instead; null: nothing is to be said.</summary>
    public string? Why { get; init; }

    /// <summary>The kind and the name of an object that differs; empty for other findings.</summary>
    public (string Kind, string Name) Of { get; init; } = ("", "");

    /// <summary>Its statement cannot run in a transaction.</summary>
    public bool IsConcurrent => Of.Kind == "index";

    /// <summary>
    /// The SQL as an operator can run it. It holds no password: that goes from the table to the role inside the server.
    /// </summary>
    public string? Text => PasswordOf is null ? Sql
        : $"{(Sql is null ? "" : $"{Sql}; ")}{TenantRolesSql.SetPasswords([PasswordOf])}";
}
