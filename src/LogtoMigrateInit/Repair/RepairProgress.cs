namespace LogtoMigrateInit.Repair;

/// <summary>The SQL that a run of <c>repair</c> has tried, and its results.</summary>
internal sealed class RepairProgress
{
    private const string StillThere = "it was run without an error, and the finding is still there";

    private readonly Dictionary<string, string> _results = new(StringComparer.Ordinal);

    /// <summary>The number of findings whose SQL ran without an error. They may still exist.</summary>
    public int CountApplied => _results.Values.Count(result => result == StillThere);

    /// <summary>Returns the number of findings whose SQL ran without an error and that a later survey no longer finds.</summary>
    public int CountRepaired(RepairSurvey later)
    {
        var found = later.Findings.Select(finding => finding.Text).ToHashSet();
        return _results.Count(each => each.Value == StillThere && !found.Contains(each.Key));
    }

    /// <summary>Whether the SQL of the finding ran without an error.</summary>
    public bool HasRun(Finding finding) => WhyLeft(finding) == StillThere;

    /// <summary>Whether the SQL of the finding was tried. No SQL is tried twice.</summary>
    public bool HasTried(Finding finding) => WhyLeft(finding) is not null;

    /// <summary>Returns why a finding still exists; null when its SQL was not tried.</summary>
    public string? WhyLeft(Finding finding) => finding.Text is { } text ? _results.GetValueOrDefault(text) : null;

    public void Applied(Finding finding) => _results[finding.Text!] = StillThere;

    /// <param name="reason">A clause for the operator.</param>
    public void Failed(Finding finding, string reason) => _results[finding.Text!] = reason;
}
