using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Scratch;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

public sealed class ScratchNamesSpecs
{
    private const string Long = "a-database-whose-name-is-as-long-as-postgresql-allows-it-to-be-";

    [Theory]
    [InlineData("logto")]
    [InlineData("my-logto")]
    [InlineData(Long)]
    [InlineData("ログト・データベースの長い名前")]
    public void A_name_of_ours_is_known_and_fits_into_the_name_of_a_role(string database)
    {
        var names = new ScratchNames(database);
        var name = names.New();

        Assert.True(names.IsOurs(name));
        Assert.NotEqual(name, names.New());
        Assert.InRange(System.Text.Encoding.UTF8.GetByteCount($"{LogtoNames.RolePrefix}{name}_default"), 1, 63);
        Assert.Equal(name, names.OfRole($"{LogtoNames.RolePrefix}{name}_default"));
        Assert.Equal(name, names.OfRole($"{LogtoNames.RolePrefix}{name.Replace('-', '_')}"));
    }

    [Theory]
    [InlineData("Logto-$$ \"q\" 'x'", "_ogto-____q___x__scratch_")]
    [InlineData("my-ログト_1", "my-ログト_1_scratch_")]
    public void Logtos_seed_can_use_the_name_unquoted_whatever_the_real_database_is_called(string database, string prefix)
    {
        var names = new ScratchNames(database);

        Assert.Equal(prefix, names.Prefix);
        Assert.True(names.IsOurs(names.New()));
    }

    [Theory]
    [InlineData("logto_scratch_0123456789abcdef")]
    [InlineData("logto_scratch_")]
    [InlineData("logto_scratch_copy_of_mine")]
    [InlineData("logto_scratch_0123456789abcdef0")]
    [InlineData("logto")]
    [InlineData("")]
    public void A_name_that_an_operator_gave_is_not_ours(string name) => Assert.False(new ScratchNames("logto").IsOurs(name));

    [Fact]
    public void The_scratch_database_of_another_is_not_ours_even_when_both_begin_alike()
    {
        var (one, other) = (new ScratchNames(Long + "1"), new ScratchNames(Long + "2"));

        Assert.Equal(one.Prefix, other.Prefix);
        Assert.False(one.IsOurs(other.New()));
    }

    [Fact]
    public void The_role_of_no_scratch_database_leads_to_none() => Assert.Null(new ScratchNames("logto").OfRole($"{LogtoNames.RolePrefix}logto_scratch_mine"));
}
