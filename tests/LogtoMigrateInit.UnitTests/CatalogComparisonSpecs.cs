using LogtoMigrateInit.Backups;
using LogtoMigrateInit.PostgreSql;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>How a restored database differs from what was dumped, and what of it the operator has to accept.</summary>
public sealed class CatalogComparisonSpecs
{
    private static readonly CatalogObject Users = new("table", "public.users", "boss", "reporter=select\nstranger=insert", "d1", null);
    private static readonly CatalogObject Public = new("schema", "public", "boss", "=usage", "", null);

    private static readonly RolesHere Roles = new(
        new HashSet<string> { "boss", "other", "reporter", "postgres" }, new HashSet<string> { "boss", "postgres" });

    public static TheoryData<string, string, string> Changes => new()
    {
        { "the same", "", "" },
        { "missing", "table public.users is not restored", "" },
        { "defined otherwise", "table public.users is not defined as it was", "" },
        { "owner of this server", "table public.users belonged to 'other' and belongs to 'boss' now", "owners" },
        { "owner of another server", "table public.users belonged to 'gone', which this server does not have, and belongs to 'boss' now", "" },
        { "new owner had rights", "table public.users belonged to 'other' and belongs to 'reporter' now", "owners" },
        { "owner is a superuser", "table public.users belonged to 'postgres' and belongs to 'boss' now", "" },
        { "role loses", "table public.users role 'reporter' loses select", "grants" },
        { "role gains", "table public.users role 'reporter' gains insert", "grants" },
        { "role may not pass on", "table public.users role 'reporter' loses select+ and gains select", "grants" },
        { "unknown role loses", "", "" },
        { "everybody gains on a table", "table public.users everybody (PUBLIC) gains select", "grants" },
        { "owner loses", "table public.users has other rights of its owner", "grants" },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public void A_difference_is_named_and_judged(string change, string expected, string access)
    {
        var (recorded, restored) = change switch
        {
            "missing" => (Users, null),
            "defined otherwise" => (Users, Users with { Definition = "d2" }),
            "owner of this server" => (Users with { Owner = "other" }, Users),
            "owner of another server" => (Users with { Owner = "gone" }, Users),
            "new owner had rights" => (Users with { Owner = "other" }, Users with { Owner = "reporter", Rights = "stranger=insert" }),
            "owner is a superuser" => (Users with { Owner = "postgres" }, Users),
            "role loses" => (Users, Users with { Rights = "stranger=insert" }),
            "role gains" => (Users, Users with { Rights = "reporter=insert,select\nstranger=insert" }),
            "role may not pass on" => (Users with { Rights = "reporter=select+" }, Users with { Rights = "reporter=select" }),
            "unknown role loses" => (Users, Users with { Rights = "reporter=select" }),
            "everybody gains on a table" => (Users, Users with { Rights = $"=select\n{Users.Rights}" }),
            "owner loses" => (Users, Users with { Rights = $"*=select\n{Users.Rights}" }),
            _ => (Users, (CatalogObject?)Users),
        };

        var differences = CatalogComparison.Compare([recorded], restored is null ? [] : [restored], 17, 17, Roles);

        Assert.Equal(expected, string.Join("; ", differences.Select(each => $"{each.Object} {each.What}")));
        Assert.Equal(access, string.Concat(differences.Select(each => each.Access)));
    }

    [Fact]
    public void The_schema_public_may_close_but_not_open()
    {
        var closed = Public with { Rights = "" };

        Assert.Equal([AccessChange.Public], CatalogComparison.Compare([closed], [Public], 14, 14, Roles).Select(each => each.Access));
        Assert.Equal([null], CatalogComparison.Compare([Public], [closed], 14, 14, Roles).Select(each => each.Access));
    }

    [Fact]
    public void The_owner_of_public_is_whoever_owns_the_database_from_15_on() => Assert.Empty(
        CatalogComparison.Compare([Public with { Owner = "postgres" }], [Public with { Owner = "pg_database_owner" }], 14, 17, Roles));

    [Fact]
    public void Another_major_prints_definitions_otherwise_and_knows_another_right()
    {
        var newer = Users with { Definition = "d9", Rights = "reporter=maintain,select\nstranger=insert" };

        Assert.Empty(CatalogComparison.Compare([Users], [newer], 14, 17, Roles));
        Assert.Equal(2, CatalogComparison.Compare([Users], [newer], 17, 17, Roles).Count);
    }

    [Fact]
    public void What_is_unknown_is_never_equal() => Assert.Equal(
        ["changed during the dump, or could not be read, so its definition is not compared"],
        CatalogComparison.Compare([Users with { Definition = null }], [Users with { Definition = null }], 17, 17, Roles).Select(each => each.What));

    [Theory]
    [InlineData("new\nline")]
    [InlineData("a=b\nc=d\ne")]
    public void A_name_of_a_role_may_hold_line_breaks(string role)
    {
        var roles = Roles with { All = new HashSet<string> { role } };

        var differences = CatalogComparison.Compare([Users with { Rights = $"{role}=select" }], [Users with { Rights = "" }], 17, 17, roles);

        Assert.True(role.Contains('=', StringComparison.Ordinal) || differences.Any(each => each.What.EndsWith("loses select", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_sequence_may_stand_higher_but_not_lower()
    {
        var ids = new CatalogObject("sequence", "public.ids", "boss", "", "d", 41);

        Assert.Empty(CatalogComparison.Compare([ids], [ids with { Value = 42 }], 17, 17, Roles));
        Assert.Equal(["stands at 40, and was at 41"], CatalogComparison.Compare([ids], [ids with { Value = 40 }], 17, 17, Roles).Select(each => each.What));
    }

    [Fact]
    public void What_nobody_dumped_is_named() => Assert.Equal(
        ["table public.users was not in the dumped database"],
        CatalogComparison.Compare([], [Users], 17, 17, Roles).Select(each => $"{each.Object} {each.What}"));

    [Fact]
    public void An_object_that_changes_during_the_dump_has_an_unknown_definition()
    {
        var none = new Dictionary<string, IReadOnlyList<string>>();
        var before = new DatabaseCatalog([Users, Public], none);

        var confirmed = before.Confirm(new DatabaseCatalog([Users with { Definition = "d2" }, Public], none));

        Assert.Equal([Users with { Definition = null }, Public], confirmed.Objects);
    }
}
