using System.Text.RegularExpressions;

namespace LogtoMigrateInit.Settings;

/// <summary>Finds unknown variables with the program's prefix, so that the program ignores no misspelled one.</summary>
internal static partial class UnknownVariables
{
    private const int LikelyMisspelling = 6;

    private static readonly IReadOnlyList<string> Known =
        [.. Variables.All.Select(variable => variable.Name).Where(name => name.StartsWith(Variables.Prefix, StringComparison.Ordinal))];

    public static IEnumerable<string> Describe(IEnumerable<string> names) =>
        from name in names
        where name.StartsWith(Variables.Prefix, StringComparison.Ordinal)
            && !Known.Contains(name)
            && !ServiceLink().IsMatch(name)
        orderby name
        let nearest = NearestName.Of(name, Known, LikelyMisspelling)
        select nearest is not null
            ? $"{name} is unknown; did you mean {nearest}?"
            : $"{name} is unknown; docs/reference.md lists every variable";

    /// <summary>
    /// Matches the variables that Kubernetes sets in every pod of a namespace with a Service whose name begins with "logto-init"
    /// (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables).
    /// </summary>
    [GeneratedRegex(
        @"^LOGTO_INIT_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)\z",
        RegexOptions.CultureInvariant)]
    private static partial Regex ServiceLink();
}
