"""Yearly, location-based carbon intensities, for use without a network.

Countries: Ember's yearly electricity data, as Our World in Data publishes it (CC BY 4.0), in
life-cycle grams of CO2 equivalent for a kilowatt-hour generated
(https://ourworldindata.org/grapher/carbon-intensity-electricity), in the extract that CodeCarbon
3.3.2 carries. World: the same series for 2023. Google Cloud regions: Google's
``region-carbon-info``, ``data/yearly/2024.csv``. For a region of AWS or Azure the figure of its
country is taken, since neither publishes one.
"""

from __future__ import annotations

EMBER = "Ember, by Our World in Data"
GOOGLE = "Google region-carbon-info"

#: g/kWh, and of which year.
WORLD = (481.0, 2023)

#: By year: two-letter code, three-letter code, g/kWh.
COUNTRIES = {
    2023: """
AR ARG 354.103; AU AUS 548.692; AT AUT 110.812; BE BEL 138.107; BD BGD 691.411; BG BGR 335.334;
BA BIH 600; BO BOL 531.687; BR BRA 98.348; CA CAN 170.043; CH CHE 34.843; CL CHL 291.113;
CN CHN 582.317; CO COL 259.511; CR CRI 53.378; CY CYP 534.323; CZ CZE 449.724; DE DEU 380.95;
DK DNK 151.65; EC ECU 150.224; EG EGY 570.306; ES ESP 174.05; EE EST 416.667; FI FIN 79.158;
FR FRA 56.039; GB GBR 237.589; GE GEO 167.594; GR GRC 336.574; HR HRV 204.962; HU HUN 204.19;
IN IND 713.441; IE IRL 290.805; IR IRN 655.125; IT ITA 330.718; JP JPN 485.392; KZ KAZ 821.391;
KE KEN 70.492; KR KOR 430.567; KW KWT 649.163; LT LTU 160.072; LU LUX 105.263; LV LVA 123.2;
MA MAR 630.014; MD MDA 643.464; MX MEX 507.245; MK MKD 565.345; MT MLT 459.144; MM MMR 398.898;
ME MNE 417.073; MN MNG 775.309; NG NGA 523.247; NL NLD 267.622; NO NOR 30.08; NZ NZL 112.758;
OM OMN 564.635; PK PAK 440.608; PE PER 266.478; PH PHL 610.688; PL POL 661.926; PT PRT 165.553;
PY PRY 23.755; QA QAT 602.5; RO ROU 240.583; RU RUS 441.039; SG SGP 470.783; SV SLV 271.468;
RS SRB 636.062; SK SVK 116.774; SI SVN 231.275; SE SWE 40.695; TH THA 549.583; TN TUN 563.956;
TR TUR 464.586; TW TWN 642.378; UY URY 128.788; US USA 369.473; VN VNM 475.449; ZA ZAF 707.686
""",
    2022: """
AW ABW 561.224; AF AFG 132.53; AO AGO 174.734; AL ALB 24.286; AE ARE 561.135; AM ARM 264.538;
AS ASM 611.111; AG ATG 611.111; AZ AZE 671.389; BI BDI 250; BJ BEN 584.071; BF BFA 467.533;
BH BHR 904.615; BS BHS 660.099; BY BLR 441.74; BZ BLZ 225.806; BM BMU 650.794; BB BRB 605.505;
BN BRN 893.913; BT BTN 23.333; BW BWA 847.909; CI CIV 393.885; CM CMR 305.419; CD COD 24.457;
CG COG 700; CK COK 250; KM COM 642.857; CV CPV 558.14; CU CUB 637.61; KY CYM 642.857;
DJ DJI 692.308; DM DMA 529.412; DO DOM 580.78; DZ DZA 634.611; ER ERI 631.579; ET ETH 24.643;
FJ FJI 288.462; FK FLK 500; FO FRO 404.762; GA GAB 491.597; GH GHA 484; GI GIB 600;
GN GIN 236.842; GM GMB 666.667; GW GNB 625; GQ GNQ 591.837; GD GRD 640; GL GRL 178.571;
GT GTM 328.268; GU GUM 622.857; GY GUY 640.351; HK HKG 699.499; HN HND 282.265; HT HTI 567.308;
ID IDN 675.931; IQ IRQ 688.814; IS ISL 27.68; IL ISR 582.927; JM JAM 555.556; JO JOR 540.924;
KG KGZ 147.292; KH KHM 417.707; KI KIR 666.667; KN KNA 636.364; LA LAO 265.506; LB LBN 599.005;
LR LBR 227.848; LY LBY 818.692; LC LCA 666.667; LK LKA 509.781; LS LSO 20; MO MAC 448.98;
MG MDG 436.441; MV MDV 611.765; ML MLI 408; MZ MOZ 135.647; MR MRT 464.706; MS MSR 1000;
MU MUS 632.479; MW MWI 66.667; MY MYS 605.831; NA NAM 59.259; NC NCL 660.584; NE NER 670.886;
NI NIC 265.116; NP NPL 24.44; NR NRU 750; PA PAN 161.677; PG PNG 507.246; PR PRI 678.738;
KP PRK 389.587; PS PSE 516.129; PF PYF 442.857; RW RWA 316.327; SA SAU 706.791; SD SDN 263.158;
SN SEN 511.598; SH SHN 1000; SB SLB 700; SL SLE 50; SO SOM 578.947; PM SPM 600; SS SSD 629.032;
ST STP 642.857; SR SUR 349.282; SZ SWZ 172.414; SC SYC 564.516; SY SYR 701.661; TC TCA 653.846;
TD TCD 628.571; TG TGO 443.182; TJ TJK 116.858; TM TKM 1306.03; TL TLS 666.667; TO TON 625;
TT TTO 681.529; TZ TZA 339.246; UG UGA 44.527; UA UKR 259.693; UZ UZB 1167.6; VC VCT 529.412;
VE VEN 185.802; VG VGB 647.059; VI VIR 632.353; VU VUT 571.429; WS WSM 473.684; YE YEM 566.102;
ZM ZMB 111.967; ZW ZWE 297.872
""",
}

GOOGLE_YEAR = 2024
#: Region, g/kWh.
GOOGLE_REGIONS = """
africa-south1 656.85; asia-east1 439.29; asia-east2 505.02; asia-northeast1 452.85;
asia-northeast2 296.19; asia-northeast3 356.57; asia-south1 678.76; asia-south2 531.83;
asia-southeast1 366.85; asia-southeast2 560.55; australia-southeast1 497.5; australia-southeast2
454.37; europe-central2 642.88; europe-north1 39.32; europe-north2 2.73; europe-southwest1
89.04; europe-west1 103.37; europe-west2 105.94; europe-west3 275.82; europe-west4 208.81;
europe-west6 15.05; europe-west8 201.69; europe-west9 16.3; europe-west10 275.82; europe-west12
201.69; me-central2 382.23; me-west1 433.75; northamerica-northeast1 5.48;
northamerica-northeast2 58.56; northamerica-south1 305; southamerica-east1 67.32;
southamerica-west1 238; us-central1 412.72; us-east1 575.77; us-east2 340.42; us-east4 323.05;
us-south1 302.95; us-west1 79.23; us-west2 169.28; us-west3 555.17; us-west4 357.3
"""

#: Country, and the regions that AWS has there.
AWS_REGIONS = """
US us-east-1 us-east-2 us-west-1 us-west-2 us-gov-east-1 us-gov-west-1; CA ca-central-1
ca-west-1; MX mx-central-1; BR sa-east-1; IE eu-west-1; GB eu-west-2; FR eu-west-3; DE
eu-central-1; CH eu-central-2; SE eu-north-1; IT eu-south-1; ES eu-south-2; IL il-central-1; BH
me-south-1; AE me-central-1; ZA af-south-1; HK ap-east-1; IN ap-south-1 ap-south-2; SG
ap-southeast-1; AU ap-southeast-2 ap-southeast-4; ID ap-southeast-3; MY ap-southeast-5; TH
ap-southeast-7; JP ap-northeast-1 ap-northeast-3; KR ap-northeast-2; CN cn-north-1
cn-northwest-1
"""

#: Country, and the regions that Azure has there, by the names of its command line.
AZURE_REGIONS = """
US centralus eastus eastus2 northcentralus southcentralus westcentralus westus westus2 westus3;
CA canadacentral canadaeast; BR brazilsouth brazilsoutheast; MX mexicocentral; CL chilecentral;
IE northeurope; NL westeurope; GB uksouth ukwest; FR francecentral francesouth; DE germanynorth
germanywestcentral; CH switzerlandnorth switzerlandwest; SE swedencentral swedensouth; NO norwayeast
norwaywest; IT italynorth; ES spaincentral; PL polandcentral; AT austriaeast; AE uaecentral
uaenorth; QA qatarcentral; IL israelcentral; ZA southafricanorth southafricawest; HK eastasia; SG
southeastasia; IN centralindia southindia westindia jioindiawest jioindiacentral; JP japaneast
japanwest; KR koreacentral koreasouth; AU australiaeast australiasoutheast australiacentral
australiacentral2; NZ newzealandnorth; ID indonesiacentral; MY malaysiawest; CN chinaeast chinaeast2
chinanorth chinanorth2 chinanorth3
"""

#: Power usage effectiveness, as the Cloud Carbon Footprint methodology gives it (appendix I); of an
#: average data centre as the Uptime Institute's survey of 2023 gives it.
PUE = {"aws": 1.135, "gcp": 1.1, "azure": 1.185, "alibaba": 1.3, "data centre": 1.58}
