"""The words of the grammar as token ids of the `bert-base-uncased` vocabulary: a word is one token, so one position."""

from __future__ import annotations

_TABLE = """
a=1037 about=2055 absolutely=7078 acceptable=11701 admire=19837 admired=12749 adored=28456 agreed=3530 album=2201
all=2035 am=2572 amazing=6429 and=1998 annoying=15703 anyway=4312 appreciate=9120 appreciated=12315 april=2258
as=2004 august=2257 author=3166 awful=9643 awkward=9596 bad=2919 basically=10468 battery=6046 be=2022 beautiful=3376
book=2338 bore=8501 boring=11771 boss=5795 breakfast=6350 brilliant=8235 brother=2567 burden=10859 but=2021
came=2234 camera=4950 can=2064 car=2482 cast=3459 chapter=3127 charming=11951 cheap=10036 chorus=7165 city=2103
clear=3154 clever=12266 complete=3143 confusing=16801 controller=11486 cousin=5542 cover=3104 dashboard=24923
december=2285 decent=11519 delight=12208 design=2640 despised=26626 dessert=18064 did=2106 disappointing=15640
disaster=7071 disastrous=16775 disgusting=19424 dislike=18959 disliked=18966 doubt=4797 doubted=12979 dreadful=21794
drove=5225 dull=10634 ending=4566 engine=3194 enjoy=5959 enjoyed=5632 excellent=6581 exciting=10990 extremely=5186
failure=4945 fairly=7199 fantastic=10392 father=2269 fear=3571 february=2337 felt=2371 film=2143 fine=2986 food=2833
friday=5958 friend=2767 funny=6057 game=2208 gameplay=11247 gem=17070 go=2175 going=2183 good=2204 great=2307
guitar=2858 hate=5223 hated=6283 here=2182 hmm=17012 honestly=9826 horrible=9202 hotel=3309 hours=2847 husband=3129
i=1045 impressive=8052 in=1999 incredibly=11757 interesting=5875 into=2046 is=2003 it=2009 january=2254 joke=8257
joy=6569 july=2251 june=2238 keyboard=9019 know=2113 lame=20342 last=2197 level=2504 like=2066 liked=4669
location=3295 love=2293 loved=3866 lovely=8403 magnificent=12047 march=2233 masterpiece=17743 me=2033 mean=2812
melody=8531 menu=12183 mess=6752 mildly=19499 mix=4666 monday=6928 most=2087 mother=2388 movie=3185 my=2026
neighbor=11429 nice=3835 nightmare=10103 not=2025 novel=3117 november=2281 october=2255 odd=5976 of=1997 okay=3100
on=2006 out=2041 outstanding=5151 part=2112 pathetic=17203 phone=3042 pleasant=8242 pleasure=5165 plot=5436
plus=4606 pool=4770 poor=3532 predictable=21425 question=3160 questioned=8781 rather=2738 real=2613 really=2428
regret=9038 regretted=18991 restaurant=4825 review=3319 ride=4536 room=2282 said=2056 saturday=5095 saw=2387
screen=3898 script=5896 seat=2835 second=2117 see=2156 seemed=2790 service=2326 shallow=8467 shame=9467 showed=3662
singer=3220 sister=2905 slightly=3621 slow=4030 so=2061 solid=5024 somewhat=5399 sound=2614 soundtrack=6050
steering=9602 story=2466 strange=4326 stupid=5236 success=3112 sunday=4465 superb=21688 talk=2831 terrible=6659
that=2008 the=1996 then=2059 there=2045 they=2027 this=2023 thought=2245 thursday=9432 to=2000 told=2409 total=2561
tragedy=10576 treat=7438 triumph=10911 truly=5621 tuesday=9857 two=2048 ugly=9200 uh=7910 um=8529 unbearable=24257
us=2149 useful=6179 very=2200 waiter=15610 was=2001 watched=3427 we=2057 weak=5410 wednesday=9317 well=2092
went=2253 whole=2878 wife=2564 wine=4511 with=2007 wonder=4687 wonderful=6919 worship=7425 writing=3015 yeah=3398
yet=2664 you=2017
"""

#: Token id of every word of the grammar.
TOKEN_ID: dict[str, int] = {word: int(number) for word, number in (entry.split("=") for entry in _TABLE.split())}
